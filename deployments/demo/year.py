"""Send in the year month by month, and wait for what the loop makes of each file."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from deployments.patience import over_a_restart
from deployments.session import upload
from tasks.errors import OrchestrationError
from tasks.evaluation.metrics import METRICS
from tasks.ledger.entry import PROMOTION_ENDS, Entry
from tasks.monitoring.arrivals import decision_id
from tasks.monitoring.observation import Observation
from tasks.monitoring.past import read_observation
from tasks.promotion import pointer
from tasks.promotion.versions import load
from tasks.tracking.plots import BLUE, GREY, ORANGE, canvas, png
from tasks.workspace import Workspace

PATIENCE = 600.0  # seconds, for a training on a slow machine
LOOK_EVERY = 0.5  # seconds
T = TypeVar("T")


@dataclass(frozen=True)
class Month:
    """What became of one month.

    `refused` counts its files that went into quarantine; `live` is the metric of the model that
    was in service, `static` of the first model on the same rows; `version` serves afterwards.
    """

    name: str
    rows: int
    refused: int
    drift: float
    live: float
    static: float
    retrained: bool
    decision: str
    reason: str
    price: str
    version: int


class Loop:
    """Watches one pipeline's ledger; starts nothing.

    `say` is told what is waited for while a server is restarted.
    """

    def __init__(self, workspace: Workspace, say: Callable[[str], None]) -> None:
        self.workspace = workspace
        self.say = say

    def read(self, act: Callable[[], T]) -> T:
        """Read from the servers, over the restart of one."""
        return over_a_restart(act, self.say)

    def champion(self) -> int | None:
        """Return the version in service, if one is."""
        found = self.read(lambda: pointer.read(self.workspace))
        return None if found is None else found[0].version

    def send(self, path: Path) -> Entry:
        """Put a file into the bucket, and wait until it is decided on or in quarantine."""
        batch = hashlib.sha256(path.read_bytes()).hexdigest()
        upload(self.workspace, path, self.say, announced=False)
        # Both are named after the file's bytes: what becomes of it can be waited for from here on.
        wanted = {decision_id(batch), f"quarantine-{batch}"}
        return self._wait_for(lambda entry: entry.id in wanted, f"what becomes of {path.name}")

    def settle(self, decision: Entry) -> Entry | None:
        """Wait until a decision to retrain is answered; None where it was a no."""
        if not decision.figures.get("decision", {}).get("retrain"):  # a no, or in quarantine
            return None
        answer = self._wait_for(
            lambda entry: entry.figures.get("decision") == decision.id, "the retraining"
        )
        # The verdict is written before the pointer moves.
        if answer.figures.get("next") == "promote":
            version = answer.version
            self._wait_for(
                lambda entry: entry.kind in PROMOTION_ENDS and entry.version == version,
                "the promotion",
            )
        return answer

    def _wait_for(self, holds: Callable[[Entry], bool], what: str) -> Entry:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            entries = self.read(self.workspace.ledger.entries)
            found = next((entry for entry in entries if holds(entry)), None)
            if found is not None:
                return found
            time.sleep(LOOK_EVERY)
        rule = f"the loop brings {what} within {PATIENCE:.0f} s"
        remedy = "Look at the runs in Prefect, and at `perennial doctor`."
        raise OrchestrationError("demo", rule, "nothing", remedy)


def first_champion(loop: Loop, path: Path) -> Entry:
    """Send the first file, and wait for the first champion.

    Raises:
        OrchestrationError: the first model did not pass the gate.
    """
    decision = loop.send(path)
    answer = loop.settle(decision)
    if loop.champion() is None:
        came = "quarantined" if answer is None else answer.summary
        raise OrchestrationError("demo", "the first model passes the gate", came)
    return decision if answer is None else answer


def send_month(loop: Loop, name: str, path: Path, refused: int) -> Month:
    """Send one month, and wait until the loop has done with it.

    Raises:
        OrchestrationError: the month went into quarantine.
    """
    decision = loop.send(path)
    found = read_observation(decision)
    if found is None or found.live is None:
        raise OrchestrationError("demo", f"{name} is judged live", decision.summary)
    answer = loop.settle(decision)
    version = loop.champion()
    assert version is not None, "a champion was there before the month"
    return Month(
        name=name,
        rows=found.rows,
        refused=refused,
        drift=found.drift_share or 0.0,
        live=found.live.value,
        static=_static(loop, found, path),
        retrained=answer is not None and answer.figures.get("next") == "promote",
        decision=decision.figures["decision"]["rule"],
        reason=decision.summary if answer is None else f"{decision.summary} {answer.summary}",
        price=_price(answer),
        version=version,
    )


def _price(answer: Entry | None) -> str:
    if answer is None or "cost" not in answer.figures:
        return ""
    cost, gain = answer.figures["cost"], answer.figures.get("gain")
    bought = "" if gain is None else f", {gain:+.3f}"
    return f"{cost['cpu_seconds']:.0f} CPU s{bought}"


def _static(loop: Loop, found: Observation, path: Path) -> float:
    # The first model on the same rows, as if it had stayed in service.
    from tasks.dataset.dataset import encode

    pipeline = loop.workspace.pipeline
    if found.version == 1 and found.live is not None:
        return found.live.value
    first = loop.read(lambda: load(loop.workspace, 1))
    classes = first.manifest.classes
    rows = pd.read_csv(path, parse_dates=[pipeline.time_column])
    rows = rows[rows[pipeline.target].isin(classes)].drop_duplicates(list(pipeline.key))
    predictions = first.predict(rows)
    y = encode(rows[pipeline.target], classes)
    return METRICS[pipeline.metric].score(y, predictions)


def draw_year(metric: str, months: Sequence[Month]) -> bytes:
    """Return the picture as PNG; a line stands between two months with different models."""
    figure, axes = canvas("Quality over time", "", metric)
    places, static = range(len(months)), [month.static for month in months]
    axes.plot(places, [m.live for m in months], marker="o", ms=4, color=BLUE, label="live")
    axes.plot(places, static, marker="o", ms=4, color=GREY, label="never retrained")
    axes.set_xticks(places, [month.name[:3] for month in months])
    if retrained := [place + 0.5 for place in places if months[place].retrained]:
        whole = axes.get_xaxis_transform()
        axes.vlines(retrained, 0, 1, ls=":", lw=1, color=ORANGE, label="retrained", transform=whole)
    axes.legend(frameon=False)
    return png(figure)


def keep_plot(workspace: Workspace, months: Sequence[Month]) -> Path:
    """Draw live against static quality, with the retrainings marked.

    The picture goes into the bucket and beside the state; the path of the latter is returned.
    """
    image = draw_year(workspace.pipeline.metric, months)
    key = workspace.layout.report("demo", "2013.png")
    workspace.bucket.put(key, image, content_type="image/png")
    path = workspace.home / "demo-2013.png"
    path.write_bytes(image)
    return path
