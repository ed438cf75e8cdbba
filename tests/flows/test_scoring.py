from __future__ import annotations

import gzip
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tasks.data.table import table_in
from tasks.errors import DataError, Refused
from tasks.faults import POINTS
from tasks.scoring.score import score_source
from tasks.store.connect import open_bucket
from tests.flows.conftest import TOY, Bench, toy_rows

pytestmark = pytest.mark.system
INGEST, TRAIN = "flows.ingestion:ingest", "flows.training:train"
SCORE = "flows.scoring:score"
# Right after a write is right before the next one: nothing else is stored between them.
CRASHES = [
    point
    for point in POINTS
    if point.startswith("score.") and (point.endswith(".before") or point == "score.cleared.after")
]


@pytest.fixture
def trained(bench: Bench, kept: dict[str, bytes]) -> Bench:
    """A pipeline with a champion; each test finds it as it was."""
    made = replace(bench, name="scored")
    made.rewrite(TOY)
    if kept:
        made.put_back(kept)
        return made
    made.drop("a.csv", toy_rows(600))
    made.run(INGEST)
    assert made.run(TRAIN)["outcome"] == "promoted"
    kept.update(made.objects())
    return made


def put(bench: Bench, rows: pd.DataFrame) -> str:
    key = f"{bench.name}/scoring/new.csv"
    bench.bucket.put(key, rows.to_csv(index=False).encode())
    return key


def test_every_row_is_scored_in_its_order_and_judged_where_the_truth_came(trained: Bench) -> None:
    rows = toy_rows(300, start=600).astype({"high": "Int64"})
    rows.loc[:99, "high"] = pd.NA
    outcome = trained.run(SCORE, source=put(trained, rows))
    assert (outcome["rows"], outcome["labelled"]) == (300, 200)
    made = pd.read_parquet(io.BytesIO(trained.bucket.get(outcome["output"])))
    assert made["id"].tolist() == rows["id"].tolist()
    assert made[["probability_0", "probability_1"]].sum(axis=1).between(0.999, 1.001).all()
    assert outcome["metrics"]["roc_auc"]["low"] > 0.7
    assert outcome["baselines"]["prior"] == 0.5
    trained.run(SCORE, source=put(trained, rows))
    (entry,) = trained.workspace.ledger.entries("scored")
    assert entry.figures["metrics"] == outcome["metrics"]


def read(bench: Bench, outcome: dict[str, Any]) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(bench.bucket.get(outcome["output"])))


@pytest.mark.soak
def test_dying_at_every_write_ends_as_if_nothing_had_happened(trained: Bench) -> None:
    rows = toy_rows(1000, start=600)
    whole = trained.run(
        SCORE, source=put(trained, rows), output=f"{trained.name}/scores/whole.parquet"
    )
    assert (whole["rows"], whole["labelled"]) == (1000, 1000)
    again = {"source": put(trained, rows), "part_rows": 300}
    for point in CRASHES:
        trained.die(SCORE, point, **again)
    outcome = trained.run(SCORE, **again)
    assert (outcome["rows"], outcome["labelled"]) == (1000, 1000)
    assert outcome["metrics"] == whole["metrics"]
    pd.testing.assert_frame_equal(read(trained, outcome), read(trained, whole))
    assert not list(trained.bucket.list(f"{trained.name}/scoring/runs/"))
    assert len(trained.workspace.ledger.entries("scored")) == 1


def test_a_scoring_that_died_is_finished_by_the_version_it_began_with(trained: Bench) -> None:
    rows = toy_rows(1000, start=600)
    again = {"source": put(trained, rows), "part_rows": 300}
    trained.die(SCORE, "score.part.after", **again)
    trained.drop("b.csv", toy_rows(400, start=600))
    trained.run(INGEST)
    trained.run("flows.monitoring:monitor")
    second = trained.run(TRAIN)
    assert (second["outcome"], second["version"]) == ("promoted", 2)
    resumed = trained.run(SCORE, **again)
    assert (resumed["version"], resumed["resumed_parts"]) == (1, 1)
    made = read(trained, resumed)
    assert set(made["model_version"]) == {1}
    assert made["id"].tolist() == rows["id"].tolist()
    fresh = trained.run(SCORE, **again)
    assert (fresh["version"], fresh["resumed_parts"]) == (2, 0)
    assert set(read(trained, fresh)["model_version"]) == {2}


def test_every_kind_of_source_and_output_holds_the_same_rows(trained: Bench) -> None:
    rows = toy_rows(700, start=600).drop(columns="high")
    written = {
        "new.csv": rows.to_csv(index=False).encode(),
        "new.csv.gz": gzip.compress(rows.to_csv(index=False).encode()),
        "new.parquet": rows.to_parquet(),
        "new.jsonl": rows.to_json(orient="records", lines=True, date_format="iso").encode(),
    }
    written["new.jsonl.gz"] = gzip.compress(written["new.jsonl"])
    made = []
    for name, content in written.items():
        trained.bucket.put(f"{trained.name}/in/{name}", content)
        source = f"s3://{trained.settings.bucket}/{trained.name}/in/{name}"
        outcome = score_source(trained.workspace, source, part_rows=200)
        made.append(read(trained, outcome))
        assert made[-1]["id"].tolist() == rows["id"].tolist(), name
        np.testing.assert_allclose(made[-1]["probability_1"], made[0]["probability_1"], atol=1e-7)
    table = table_in(open_bucket(trained.settings), f"{trained.name}/in/table")
    for start in range(0, 700, 250):
        part = pa.Table.from_pandas(rows.iloc[start : start + 250], preserve_index=False)
        table.append(part, f"t{start}", {})
    target = f"s3://{trained.settings.bucket}/{trained.name}/scores/table"
    said = {"source": f"{trained.name}/in/table", "output": target, "part_rows": 200}
    for point in ("score.part.after", "score.output.before", "score.output.after"):
        trained.die(SCORE, point, **said)
    outcome = trained.run(SCORE, **said)
    assert (outcome["format"], outcome["rows"], outcome["data_version"]) == ("delta", 700, 3)
    trained.run(SCORE, **said)
    written = table_in(open_bucket(trained.settings), f"{trained.name}/scores/table")
    found = written.read().to_pandas()
    found = found.sort_values("_row", ignore_index=True)
    assert found["_row"].tolist() == list(range(700))
    assert found["id"].tolist() == rows["id"].tolist()
    np.testing.assert_allclose(found["probability_1"], made[0]["probability_1"], atol=1e-7)


def test_the_curated_table_is_scored_as_one_source(trained: Bench) -> None:
    outcome = score_source(trained.workspace, "curated", part_rows=100)
    assert (outcome["rows"], outcome["labelled"]) == (600, 600)
    curated_rows = trained.workspace.curated.read(["id"])
    assert sorted(read(trained, outcome)["id"]) == sorted(curated_rows["id"].to_pylist())


def test_a_file_that_does_not_fit_is_refused_and_nothing_is_written(trained: Bench) -> None:
    lacking = put(trained, toy_rows(10).drop(columns="size"))
    with pytest.raises(DataError, match="no size"):
        score_source(trained.workspace, lacking)
    wrong = put(trained, toy_rows(10).astype({"size": object}).assign(size="tall"))
    with pytest.raises(DataError, match="row 1"):
        score_source(trained.workspace, wrong)
    assert not list(trained.bucket.list(f"{trained.name}/scored/"))


def test_without_a_champion_it_says_what_to_do(bench: Bench) -> None:
    source = put(bench, toy_rows(10))
    with pytest.raises(Refused, match="perennial train"):
        score_source(bench.workspace, source)
