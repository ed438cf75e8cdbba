"""The curated table as a source: of rows that a later batch corrected, those that stand."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.data.standing import scan_standing
from tasks.data.table import table_in
from tasks.errors import Refused
from tasks.labels.table import labels_table
from tasks.monitoring.arrivals import find_arrivals
from tasks.monitoring.gathering import _span
from tasks.reconciliation.standing import count_labelled
from tasks.scoring.run import name_run
from tasks.scoring.score import score_source
from tasks.scoring.seen import say_seen
from tasks.scoring.sources import open_rows
from tasks.store.layout import BATCH
from tasks.store.lease import _Held, leased
from tasks.workspace import Workspace
from tests import life


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a pipeline of 600 rows, of which 40 were corrected, some of them twice."""
    workspace = life.toy_workspace(
        tmp_path_factory.mktemp("corrected"),
        data={"updates": "newest"},
        training={"trials": 0, "families": ["linear"]},
        gate={"slices": []},
    )
    rows = life.toy_rows(600)
    life.ingest(workspace, "a.csv", rows)
    assert life.train(workspace, told=False).outcome == "promoted"
    fixed = rows.tail(40).assign(size=3.0, high=1)
    assert life.ingest(workspace, "b.csv", fixed).rows == 40
    again = fixed.tail(10).assign(size=-3.0, high=0)
    assert life.ingest(workspace, "c.csv", pd.concat([again, life.toy_rows(50, 600)])).rows == 60
    return workspace


def scored(workspace: Workspace, **how: int) -> pd.DataFrame:
    outcome = score_source(workspace, "curated", **how)
    made = pd.read_parquet(io.BytesIO(workspace.bucket.get(outcome["output"])))
    assert outcome["rows"] == len(made)
    return made


@pytest.mark.parametrize("part_rows", [1_048_576, 70])
def test_each_row_is_scored_once_as_it_stands(corrected: Workspace, part_rows: int) -> None:
    made = scored(corrected, part_rows=part_rows)
    assert sorted(made["id"]) == list(range(650))
    by_id = made.set_index("id")["probability_1"]
    assert by_id.loc[560:589].min() > 0.9, "corrected once"
    assert by_id.loc[590:599].max() < 0.1, "corrected again"


def test_the_judgement_and_the_progress_are_of_those_rows(corrected: Workspace) -> None:
    said: list[str] = []
    outcome = score_source(corrected, f"{corrected.name}/curated", say=said.append)
    assert (outcome["rows"], outcome["labelled"]) == (650, 650)
    # the first 600 of them were trained on
    assert outcome["seen"] == pytest.approx(600 / 650)
    assert said[-1].startswith("650 rows scored")
    assert count_labelled(corrected) == 650


def test_an_earlier_version_still_gives_what_stood_then(corrected: Workspace) -> None:
    rows = scan_standing(corrected.curated, ["id"], version=2).collect()
    assert sorted(rows["id"].to_list()) == list(range(600))
    assert set(rows.filter(rows["id"] >= 560)["size"].to_list()) == {3.0}


def test_a_table_that_grew_is_written_into_an_output_table_again(corrected: Workspace) -> None:
    target = f"s3://{corrected.bucket.name}/out/scores"
    for _ in range(2):
        score_source(corrected, "curated", target)
    table = table_in(corrected.bucket, "out/scores")
    assert len(table.rows() or ()) == 650, "the same rows by the same model once"
    life.ingest(corrected, "d.csv", life.toy_rows(30, 650))
    score_source(corrected, "curated", target)
    assert len(table.rows() or ()) == 650 + 680


def test_labels_are_judged_on_the_span_of_the_rows_that_stand(tmp_path: Path) -> None:
    """A correction moved the labelled row by a year: the span does not reach back to the slip."""
    workspace = life.toy_workspace(
        tmp_path, data={"updates": "newest"}, monitoring={"labels": "delayed"}
    )
    rows = life.toy_rows(40).assign(high=None)
    slipped = rows.assign(at=rows["at"].where(rows["id"] > 0, pd.Timestamp("2019-01-01")))
    life.ingest(workspace, "a.csv", slipped)
    life.ingest(workspace, "b.csv", rows.head(1))
    table = labels_table(workspace.bucket, "toy")
    from tests.tasks.ingestion.landing import drop, landed

    key = drop(workspace, "t.csv", "id,high\n0,1\n39,0\n", "labels")
    assert landed(workspace, key, "labels").outcome == "accepted"
    (arrival,) = [found for found in find_arrivals(workspace) if found.labels]
    assert table.version() is not None
    inside = workspace.curated.scan().filter(_span(workspace, arrival)).collect()
    assert inside["at"].min().year == 2024
    assert inside[BATCH].n_unique() == 2
    assert np.isin([0, 39], inside["id"].to_list()).all()


def test_rows_that_the_version_learned_from_are_known_again_by_their_key(
    corrected: Workspace,
) -> None:
    table = corrected.curated.read(None).to_pandas()
    known = table[table["id"].between(500, 549)]
    # dated before what it learned from, so that time alone would say it knew all of them
    fresh = known.assign(id=known["id"] + 10_000)
    sent = pd.concat([known, fresh, fresh.assign(id=fresh["id"] + 10_000)])
    key = f"{corrected.name}/again.parquet"
    corrected.bucket.put(key, sent.drop(columns=["_batch", "_ingested_at"]).to_parquet(index=False))
    outcome = score_source(corrected, key)
    assert (outcome["labelled"], outcome["seen"]) == (150, 1.0)
    assert outcome["learned"] == pytest.approx(1 / 3)
    assert say_seen(outcome) == f"Version {outcome['version']} learned from 33.3% of these rows."


def test_a_scoring_that_goes_on_is_not_begun_beside_it(corrected: Workspace) -> None:
    bucket, layout = corrected.bucket, corrected.layout
    again = {"lease": 0.6}

    def keys() -> set[str]:
        return {info.key for info in bucket.list(f"{corrected.name}/scor")}

    digest = score_source(corrected, "curated")["output"]
    run = name_run(open_rows(bucket, layout.curated, 2**30, Path()).identity, None)
    before, where = keys(), layout.scoring_lease(run)
    bucket.delete(digest)
    with leased(bucket, where, 0.6, "score", "curated"):
        with pytest.raises(Refused, match="another run does the same"):
            score_source(corrected, "curated", **again)
        assert keys() == (before - {digest}) | {where}
    # of one that was killed, the lease runs out
    held = _Held(bucket, where, 0.6, "score", "curated")
    held.take()
    assert score_source(corrected, "curated", **again)["output"] == digest
    assert keys() == before
