"""A life that dies at every external write, one after another, ends where one without a death ends.

What lands rows and labels, and what collects them, have matrices of their own, in
`tests/tasks/ingestion` and `tests/tasks/collection`. Each scene here runs
again after each death, as a flow does that was started anew.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.backtest.pinning import plan_backtest
from tasks.backtest.report import write_backtest
from tasks.backtest.result import compare_policies
from tasks.backtest.table import fit_history
from tasks.config import window_length
from tasks.config.sections import Features, TargetHistory
from tasks.faults import POINTS, WRITES, Died, dying_at
from tasks.ingestion.land import land
from tasks.ingestion.remembering import keep_history
from tasks.ingestion.removal import pick_held, remove_batch
from tasks.ingestion.rows import open_rows
from tasks.ingestion.schema import accept_changes
from tasks.ledger.reversal import removed_batches
from tasks.maintenance.prune import alone, prune
from tasks.predictions.table import predictions_table
from tasks.promotion import pointer, trials
from tasks.promotion.promote import rollback
from tasks.reconciliation.ending import delete_data, end_pipeline
from tasks.scoring.score import score_source
from tasks.settings import Settings
from tasks.store.lease import is_held
from tasks.training.finish import find_earlier_end
from tasks.training.pinning import pin_run as pin
from tasks.training.work import Work
from tasks.workspace import Workspace
from tests import life
from tests.servers import poll
from tests.tasks.predictions.shipping import ship_once, spooled

# of a step's files, which hold the seconds that it took
DIGEST = re.compile(r"(?<=/)[0-9a-f]{64}$")
ELSEWHERE = ("ingest", "label", "collect")


def train(workspace: Workspace) -> None:
    pipeline = workspace.pipeline
    plan = pin(workspace, window_length(pipeline), pipeline.retraining.challengers)
    if find_earlier_end(Work(workspace, plan)) is None:
        life.train(workspace)


def monitor(workspace: Workspace) -> None:
    life.monitor(workspace)


def score_all(workspace: Workspace) -> None:
    score_source(workspace, "curated", lease=0.1)


def roll_back(workspace: Workspace) -> None:
    rollback(workspace, by="ada", why="to see", attempt="once")


def try_version(workspace: Workspace) -> None:
    if trials.read(workspace) is None:
        bounds = {"max_error_rate": 0.1, "max_drop": 0.1}
        trials.begin(workspace, 1, 0.1, by="ada", why="to see", **bounds)
    trials.withdraw(workspace, by="ada", why="seen")


def backtest(workspace: Workspace) -> None:
    plan = plan_backtest(workspace, ["new_rows 30%", "static"], None, None)
    fits = fit_history(workspace, plan, lambda _: None)
    found = compare_policies(fits.history, plan.policies, plan.limits, plan.delay, plan.own)
    write_backtest(workspace.bucket, plan, fits, found)


def ship(workspace: Workspace) -> None:
    log, bucket = workspace.home / "log", workspace.bucket
    if predictions_table(bucket, workspace.name).version() is None and not log.exists():
        spooled(log, workspace.name, 20)
    place = Settings("", "", "", "key", bucket=bucket.url("").rstrip("/"), pipelines=log)
    shipped = ship_once(place, log)
    assert shipped.failures == 0, shipped.error


def keep(workspace: Workspace) -> None:
    features = Features(history=TargetHistory())
    asking = workspace.pipeline.model_copy(update={"features": features})
    keep_history(replace(workspace, pipeline=asking))


def remove(workspace: Workspace) -> None:
    if not removed_batches(workspace.ledger.entries()):
        remove_batch(workspace, pick_held(workspace, "b.csv"), "ada", "coded otherwise")


def accept(workspace: Workspace) -> None:
    rows = life.toy_rows(20, start=1500).assign(wind=0.5)
    if not workspace.ledger.entries("schema"):
        life.ingest(workspace, "c.csv", rows)
        accept_changes(workspace, "c.csv", "ada")
    key = f"{workspace.layout.incoming}c.csv"
    land(open_rows(workspace), key, lambda _: None, again=True)


def end(workspace: Workspace) -> None:
    path = workspace.home / "toy.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    end_pipeline(workspace, path, "ada", "seen enough", data=True)
    delete_data(workspace, lambda _: None)


def tidy_up(workspace: Workspace) -> None:
    table = predictions_table(workspace.bucket, workspace.name)
    for number in range(9):
        table.append(pa.table({"id": [f"{number}"]}), f"{number}", {})
    left = Path(table.uri) / "left.parquet"
    if not (workspace.home / "left").exists():
        left.write_bytes(b"a writer was killed")
        os.utime(left, (0, 0))
        key = workspace.layout.quarantine("ab" * 32)
        for name in ("a.csv", "report.json"):
            workspace.bucket.put(key + name, b"{}")
        workspace.home.mkdir(parents=True, exist_ok=True)
        (workspace.home / "left").touch()
    bucket, lease, seconds = workspace.bucket, workspace.layout.upkeep_lease, 0.3
    held = partial(is_held, bucket, lease, seconds=seconds)
    poll(lambda: not held(datetime.now(UTC)), 10, "the end of the lease of a run that died")
    with alone(workspace, seconds):
        prune(workspace, datetime.now(UTC) + timedelta(days=100))


@dataclass(frozen=True)
class Scene:
    """What is done, on which past, and the names of the writes that it is to reach."""

    run: Callable[[Workspace], None]
    past: str
    writes: tuple[str, ...]


def writes(*prefixes: str) -> tuple[str, ...]:
    return tuple(write for write in WRITES if write.partition(".")[0] in prefixes)


SCENES = {
    "train": Scene(train, "rows", writes("train", "promote")),
    "roll back": Scene(roll_back, "champions", writes("promote")),
    "try": Scene(try_version, "champions", writes("trial")),
    "score": Scene(score_all, "champions", writes("score")),
    "remove": Scene(remove, "champions", writes("remove")),
    "end": Scene(end, "champions", writes("end")),
    "accept": Scene(accept, "champions", writes("schema")),
    "keep": Scene(keep, "rows", writes("history")),
    "monitor": Scene(monitor, "champions", writes("monitor")),
    "backtest": Scene(backtest, "champions", writes("backtest")),
    "prune": Scene(tidy_up, "champions", writes("prune")),
    "ship": Scene(ship, "rows", writes("log")),
}


def opened(folder: Path) -> Workspace:
    """Return the toy pipeline there; its mirror takes every alias, as MLflow would."""
    workspace = life.toy_workspace(folder, gate={"min_gain": -0.1, "max_slice_loss": 0.2})
    return replace(workspace, mirror=lambda *_: None)


@pytest.fixture(scope="module")
def pasts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a folder where rows came in, and one where two champions followed each other."""
    rows, champions = (tmp_path_factory.mktemp(name) for name in ("rows", "champions"))
    life.ingest(opened(rows), "a.csv", life.toy_rows(600))
    shutil.copytree(rows, champions, dirs_exist_ok=True)
    workspace = opened(champions)
    assert life.train(workspace, told=False).outcome == "promoted"
    life.ingest(workspace, "b.csv", life.toy_rows(900, start=600))
    ended = life.train(workspace, told=False)
    assert ended.outcome == "promoted", ended.summary
    # one that nothing was decided on yet
    life.ingest(workspace, "d.csv", life.toy_rows(60, start=2000))
    return {"rows": rows, "champions": champions}


def remains(workspace: Workspace) -> dict[str, object]:
    """Return what is left, but for clocks, random names and the measured seconds of a training."""
    champion, trial = pointer.read(workspace), trials.read(workspace)
    answers = predictions_table(workspace.bucket, workspace.name)
    tables = ("/_delta_log/", ".parquet")
    return {
        "ledger": sorted((entry.kind, entry.version) for entry in workspace.ledger.entries()),
        "champion": champion and (champion[0].version, champion[0].replaced),
        "trial": trial and (trial[0].version, trial[0].ended),
        "answers": answers.version() and len(answers.read(["id"])),
        "log": [path.name for path in (workspace.home / "log").rglob("*.*") if path.is_file()],
        "objects": [
            DIGEST.sub("", info.key)
            for info in workspace.bucket.list("")
            if not any(part in info.key for part in tables)
        ],
    }


def live(scene: Scene, folder: Path, deadly: set[str]) -> dict[str, object]:
    """Play the scene, again after each death, until none of the points is met; return the rest.

    A point that was met is taken out of `deadly`.
    """
    while True:
        try:
            with dying_at(*deadly):
                scene.run(opened(folder))
            return remains(opened(folder))
        except Died as death:
            deadly.remove(death.point)


LONG = ("train", "backtest")
PARTS = [pytest.param(name, marks=pytest.mark.soak if name in LONG else ()) for name in SCENES]


@pytest.mark.parametrize("name", PARTS)
def test_death_at_every_write_ends_where_no_death_ends(
    name: str, pasts: dict[str, Path], tmp_path: Path
) -> None:
    """Where a run mends what the next one then does not write, the past is lived once more."""
    scene = SCENES[name]
    calm = live(scene, shutil.copytree(pasts[scene.past], tmp_path / "calm"), set())
    left = {point for point in POINTS if point.rpartition(".")[0] in scene.writes}
    while left:
        before = len(left)
        folder = tmp_path / f"{before}-left"
        assert live(scene, shutil.copytree(pasts[scene.past], folder), left) == calm
        assert len(left) < before, f"no run reaches {sorted(left)}"


def test_every_write_has_a_scene() -> None:
    played = {write for scene in SCENES.values() for write in scene.writes}
    here = {write for write in WRITES if write.partition(".")[0] not in ELSEWHERE}
    assert played == here
