"""The first broken link of a pipeline's chain, at each station of its life."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.collection.progress import SourceProgress
from tasks.collection.trouble import CollectTrouble
from tasks.ingestion.quarantine import tell_ledger
from tasks.ingestion.retry import RefusedBatch, pick_refused
from tasks.reconciliation.chain import (
    ChainLink,
    first_fault,
    follow_chain,
    look_at_quarantine,
    look_at_source,
)
from tasks.reconciliation.readable import find_unreadable
from tasks.reconciliation.standing import Standing, count_labelled, read_standing
from tasks.workspace import Workspace
from tests import life

LATER = timedelta(hours=1)


def links(workspace: Workspace, *, after: timedelta = timedelta(0)) -> dict[str, ChainLink]:
    found = follow_chain(
        read_standing(workspace),
        datetime.now(UTC) + after,
        count_labelled(workspace),
        find_unreadable(workspace),
        delayed=workspace.pipeline.monitoring.labels == "delayed",
    )
    return {link.name: link for link in found}


def fault(workspace: Workspace, *, after: timedelta = timedelta(0)) -> tuple[str, str]:
    """Return the name of the first broken link, and what mends it."""
    found = first_fault(links(workspace, after=after).values())
    return ("", "") if found is None else (found.name, found.remedy)


def refuse(workspace: Workspace, name: str) -> str:
    done = life.ingest(workspace, name, life.toy_rows(50).assign(high=7))
    tell_ledger(workspace, done, f"{workspace.layout.incoming}{name}")
    return done.batch[:12]


def test_each_station_of_a_life_names_its_first_broken_link(tmp_path: Path) -> None:
    held_out, gate = {"evidence": "holdout"}, {"min_gain": -1, "min_rows": 100}
    workspace = life.toy_workspace(tmp_path, gate=gate, training=held_out)
    assert fault(workspace) == ("curated", "`perennial ingest toy FILE`")

    key = f"{workspace.layout.incoming}waits.csv"
    workspace.bucket.put(key, b"id\n")
    assert fault(workspace)[0] == "curated", "its event has a few minutes"
    assert fault(workspace, after=LATER) == ("incoming", "`perennial ingest toy`")
    workspace.bucket.delete(key)

    batch = refuse(workspace, "bad.csv")
    name, remedy = fault(workspace)
    assert name == "quarantine"
    assert f"`perennial retry toy {batch}`" in remedy

    life.ingest(workspace, "few.csv", life.toy_rows(30))
    assert links(workspace)["quarantine"].state == "note", "another batch came in"
    assert links(workspace)["curated"].found == "30 rows of 1 batch, the newest 0 days old"
    assert links(workspace, after=LATER)["monitoring"].found == "1 batch is not decided on"
    name, remedy = fault(workspace)
    assert (name, remedy.partition(",")[0]) == ("labels", "`perennial ingest toy FILE`")

    life.ingest(workspace, "some.csv", life.toy_rows(270, start=30))
    assert fault(workspace) == ("champion", "`perennial train toy`")

    assert life.train(workspace, told=False).outcome == "refused"
    name, remedy = fault(workspace)
    assert name == "champion"
    assert "`perennial promote toy 1 --override WHY`" in remedy

    life.ingest(workspace, "more.csv", life.toy_rows(600, start=300))
    assert life.train(workspace, told=False).outcome == "promoted"
    assert fault(workspace) == ("", "")
    assert fault(workspace, after=LATER) == ("monitoring", "`perennial monitor toy`")
    life.monitor(workspace)
    assert fault(workspace, after=LATER) == ("", "")
    assert links(workspace)["champion"].found.startswith("version 2")


def test_each_refused_file_is_named_and_its_own_way_on_is_told(tmp_path: Path) -> None:
    workspace = life.toy_workspace(tmp_path)
    life.ingest(workspace, "a.csv", life.toy_rows(100))
    wind = life.ingest(workspace, "wind.csv", life.toy_rows(50, start=100).assign(wind=0.5))
    accept = f"`perennial schema toy --accept {wind.batch[:12]}`"
    assert links(workspace)["quarantine"].remedy == f"Send a mended file, or {accept}."
    doubled = life.ingest(workspace, "doubled.csv", life.toy_rows(50).assign(size=3.0))
    refuse(workspace, "bad.csv")
    refused = read_standing(workspace).refused
    assert {entry.object.rpartition("/")[2]: entry.suite for entry in refused} == {
        "wind.csv": "",
        "doubled.csv": "",
        "bad.csv": "tests.suites.toy",
    }
    found = links(workspace)["quarantine"].found
    assert all(name in found for name in ("3 refused", "wind.csv", "doubled.csv", "bad.csv"))
    told = {entry.batch: look_at_quarantine(replace_refused(workspace, entry)) for entry in refused}
    assert told[wind.batch].remedy.endswith(f"{accept}.")
    assert "mend toy.yaml and `perennial retry toy" in told[doubled.batch].remedy
    (bad,) = set(told) - {wind.batch, doubled.batch}
    assert f"mend tests/suites/toy.py and `perennial retry toy {bad[:12]}`" in told[bad].remedy
    assert "The suite says so: mend the file, or tests/suites/toy.py and" in told[bad].found


def replace_refused(workspace: Workspace, entry: RefusedBatch) -> Standing:
    return replace(read_standing(workspace), refused=(entry,))


def test_where_a_pipeline_stands_is_read_from_its_bucket(tmp_path: Path) -> None:
    workspace = life.toy_workspace(tmp_path, gate={"min_gain": -1})
    life.ingest(workspace, "a.csv", life.toy_rows(600))
    assert read_standing(workspace).waits == ("1 batch to decide on",)
    life.train(workspace, told=False)
    life.ingest(workspace, "b.csv", life.toy_rows(200, start=600))
    refuse(workspace, "bad.csv")
    standing = read_standing(workspace)
    assert standing.waits == ("1 in quarantine", "2 batches to decide on")
    assert standing.live is None
    life.monitor(workspace)
    standing = read_standing(workspace)
    assert standing.waits == ("1 in quarantine",)
    assert standing.champion is not None
    assert standing.live is not None
    assert (standing.champion.version, standing.live.rows) == (1, 200)
    assert pick_refused(workspace, "bad.csv") == standing.refused[0]


@pytest.mark.parametrize(
    ("age", "told"),
    [(timedelta(seconds=9), "collected just now"), (timedelta(hours=3), "collected 3 hours ago")],
)
def test_a_source_that_fails_says_when_it_did_not(age: timedelta, told: str) -> None:
    now = datetime.now(UTC)
    standing = Standing(
        "toy",
        collected=SourceProgress("a source", looked=now - age),
        uncollected=CollectTrouble("no answer", now, tries=1),
    )
    assert look_at_source(standing, now).found == f"{told}, and then it failed once: no answer"
