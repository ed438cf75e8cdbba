"""The steps of a pipeline's life as plain calls, in one process and without any server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.config import find_pipeline, window_length
from tasks.ingestion.land import land
from tasks.ingestion.landing import Landed
from tasks.ingestion.rows import open_rows
from tasks.monitoring.champion import load_watched
from tasks.monitoring.record import RecordedDecision, find_new_arrivals, record_decision
from tasks.settings import REPOSITORY
from tasks.signatures import Keyring
from tasks.store.local import LocalBucket
from tasks.training import finish, steps
from tasks.training.choosing import Chosen, choose_challenger, refit_winner
from tasks.training.finish import Ended
from tasks.training.insight import explain_version
from tasks.training.pinning import list_unseen, pin_run
from tasks.training.publishing import store_version, track_and_publish
from tasks.training.work import Work
from tasks.workspace import Workspace


def toy_workspace(folder: Path, **sections: Any) -> Workspace:
    """Return the toy pipeline in a local bucket; `sections` change its file, key by key."""
    declared = find_pipeline("toy", REPOSITORY / "tests" / "pipelines")
    content = declared.model_dump(mode="json")
    for name, changes in sections.items():
        within = isinstance(changes, dict)
        content[name] = {**content[name], **changes} if within else changes
    pipeline = type(declared).model_validate(content)
    bucket = LocalBucket(folder / "bucket")
    return Workspace(
        bucket, "toy", Keyring("a signing key"), pipeline=pipeline, home=folder / "home"
    )


def toy_rows(count: int, start: int = 0, seed: int = 1, lean: float = 1.5) -> pd.DataFrame:
    """Make rows whose target follows from size and colour, with noise; one an hour."""
    draw = np.random.default_rng([seed, start])
    size = draw.normal(size=count)
    colour = draw.choice(["red", "green", "blue"], count)
    score = lean * size + (colour == "red") + draw.normal(size=count)
    return pd.DataFrame(
        {
            "id": np.arange(start, start + count),
            "at": pd.date_range("2024-01-01", periods=count, freq="h") + pd.Timedelta(hours=start),
            "size": np.where(draw.random(count) < 0.05, np.nan, size).round(4),
            "colour": colour,
            "high": (score > 0.5).astype(int),
        }
    )


def ingest(workspace: Workspace, name: str, rows: pd.DataFrame) -> Landed:
    """Drop rows into `incoming/`, and land them."""
    key = f"{workspace.layout.incoming}{name}"
    workspace.bucket.put(key, rows.to_csv(index=False).encode())
    return land(open_rows(workspace), key, lambda _: None)


def train(
    workspace: Workspace, cause: str = "test", decision: str | None = None, *, told: bool = True
) -> Ended:
    """Do what the flow `train` does, for a decision, or as the command: that looks first.

    Where it is not `told`, without drawings, card and pages.
    """
    if decision is None and list_unseen(workspace):
        monitor(workspace)
    return finish.record_and_promote(*challenge(workspace, told=told), cause, decision)


def challenge(workspace: Workspace, *, told: bool = True) -> tuple[Work, Chosen, int]:
    """Do it up to the published version, before its verdict is recorded."""
    pipeline = workspace.pipeline
    plan = pin_run(workspace, window_length(pipeline), pipeline.retraining.challengers)
    work = Work(workspace, plan)
    tuning, _ = steps.choose_setting(work, lambda _: None)
    fits = [steps.fit_challenger(work, tuning, challenger)[0] for challenger in work.challengers]
    judged = [
        steps.evaluate_holdout(work, contender, challenger)[0]
        for contender, challenger in zip(fits, work.challengers, strict=True)
    ]
    chosen = choose_challenger(work, tuning, fits, judged)
    final = refit_winner(work, chosen)[0]
    if not told:
        return work, chosen, store_version(work, chosen, final)
    explained, _ = explain_version(work, chosen, final)
    version, *_ = track_and_publish(work, chosen, final, explained)
    return work, chosen, version


def monitor(workspace: Workspace) -> list[RecordedDecision]:
    """Do what the flow `monitor` does, but for its page."""
    champion, came = load_watched(workspace), find_new_arrivals(workspace)
    return [record_decision(workspace, champion, arrival, "test") for arrival in came]
