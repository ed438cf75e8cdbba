"""What a flow says of the objects it took in, one that failed among them."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from tasks.events.event import Event
from tasks.ingestion.task import (
    list_arrivals,
    take_in_labels,
    take_in_rows,
    tell_batches,
    tell_labels,
)
from tasks.settings import REPOSITORY, Settings
from tasks.workspace import open_workspace
from tests import life
from tests.tasks.ingestion.landing import drop

STANDS = {"accepted": "accepted", "already": "accepted", "quarantined": "quarantined"}


def told(outcome: str) -> dict[str, object]:
    """Return what a task says of a batch with this outcome."""
    stands = STANDS.get(outcome, "waiting")
    batch = None if stands == "waiting" else f"{outcome}-batch"
    return {
        "key": f"{outcome}.csv",
        "outcome": outcome,
        "batch": batch,
        "stands": stands,
        "reasons": ["why"],
    }


def test_events_follow_from_what_is_new_and_from_nothing_that_failed() -> None:
    every = [told(outcome) for outcome in (*STANDS, "failed")]
    refused = {"batch": "quarantined-batch", "summary": "quarantined.csv: why"}
    assert tell_batches(every) == [
        (Event.BATCH_ACCEPTED, {"batches": ["accepted-batch"]}),
        (Event.BATCH_QUARANTINED, refused),
    ]
    assert tell_labels(every) == [(Event.LABELS_ARRIVED, {"batches": ["accepted-batch"]})]
    assert tell_batches([told("failed")]) == tell_labels([told("failed")]) == []


def test_an_object_that_is_gone_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_BUCKET", (tmp_path / "bucket").as_uri())
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PERENNIAL_PIPELINES", str(REPOSITORY / "tests" / "pipelines"))
    monkeypatch.setenv("PERENNIAL_SIGNING_KEY", "a signing key")
    workspace = open_workspace(Settings.from_environment(), "toy")
    life.ingest(workspace, "a.csv", life.toy_rows(5))
    key = drop(workspace, "b.csv", "b")
    assert list_arrivals.fn("toy", "rows") == [key]
    assert list_arrivals.fn("toy", "labels") == []
    with disable_run_logger():
        rows = take_in_rows.fn("toy", f"{key}.gone")
        labels = take_in_labels.fn("toy", "toy/labels/incoming/gone.csv")
    assert (rows["outcome"], rows["stands"], rows["rows"]) == ("failed", "waiting", 0)
    assert "the object exists" in rows["reasons"][0]
    assert (labels["stands"], labels["counts"]) == ("waiting", None)
    with disable_run_logger():
        take_in_labels.fn("toy", drop(workspace, "c.csv", "id,high\n900,1\n", "labels"))
    assert [entry.summary[:22] for entry in workspace.ledger.entries("quarantine")] == [
        "c.csv is in quarantine"
    ]
