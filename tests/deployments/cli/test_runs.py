"""What `ingest` says of a file that the run of its own arrival took in first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deployments.cli.runs import batches_table, landing_status, tell_faster_run, training_summary
from tasks.ingestion.landing import Landed
from tasks.ingestion.quarantine import tell_ledger
from tests import life


def found(key: str, batch: str, version: int | None) -> dict[str, Any]:
    """Return what the flow says of an object that it finds done."""
    stands = "quarantined" if version is None else "accepted"
    said = {"key": key, "batch": batch, "version": version, "stands": stands}
    return {**said, "outcome": "already", "reasons": [], "rows": 0}


def test_a_file_sent_for_the_first_time_is_accepted_whoever_was_faster(tmp_path: Path) -> None:
    workspace = life.toy_workspace(tmp_path)
    # Delta's log counts in milliseconds.
    began = datetime.now(UTC) - timedelta(milliseconds=2)
    landed = life.ingest(workspace, "a.csv", life.toy_rows(60))
    key = f"{workspace.layout.incoming}a.csv"
    said = [found(key, landed.batch, landed.version)]
    tell_faster_run(workspace, said, began)
    assert (said[0]["outcome"], said[0]["rows"]) == ("accepted", 60)
    assert "by the run that its arrival started, just now" in batches_table(said)
    again = [found(key, landed.batch, landed.version)]
    tell_faster_run(workspace, again, datetime.now(UTC) + timedelta(seconds=1))
    assert "already accepted" in batches_table(again)


def test_a_file_refused_for_the_first_time_is_quarantined_whoever_was_faster(
    tmp_path: Path,
) -> None:
    workspace = life.toy_workspace(tmp_path)
    began, batch = datetime.now(UTC), "ab" * 32
    key = f"{workspace.layout.incoming}bad.csv"
    tell_ledger(workspace, Landed("quarantined", batch, None, ("size: no number",)), key)
    said = [found(key, batch, None)]
    tell_faster_run(workspace, said, began)
    assert said[0]["outcome"] == "quarantined"
    text = batches_table(said)
    assert "already" not in text
    assert "by the run that its arrival started, just now" in text
    again = [found(key, batch, None)]
    tell_faster_run(workspace, again, datetime.now(UTC) + timedelta(seconds=1))
    assert "already quarantined" in batches_table(again)


def test_what_was_taken_out_is_a_refusal() -> None:
    assert landing_status([{"stands": "removed"}]) == 3


def test_a_training_with_nothing_to_do_says_that_ingesting_trains() -> None:
    said = training_summary({"outcome": "unchanged", "summary": "Nothing.", "pipeline": "toy"})
    assert "Ingesting trains by itself" in said
    assert "perennial history toy" in said
