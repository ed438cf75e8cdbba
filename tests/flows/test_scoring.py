from __future__ import annotations

import io

import pandas as pd
import pytest

from tasks.errors import DataError, Refused
from tasks.ledger.ledger import ledger_of
from tasks.scoring.score import score
from tests.flows.conftest import Bench, toy_rows

pytestmark = pytest.mark.system
INGEST, TRAIN = "flows.ingestion:ingest", "flows.training:train"
SCORE = "flows.scoring:score"


@pytest.fixture
def trained(bench: Bench) -> Bench:
    bench.drop("a.csv", toy_rows(600))
    bench.run(INGEST)
    assert bench.run(TRAIN)["outcome"] == "promoted"
    return bench


def put(bench: Bench, rows: pd.DataFrame) -> str:
    key = f"{bench.name}/scoring/new.csv"
    bench.store.put(key, rows.to_csv(index=False).encode())
    return key


def test_every_row_is_scored_in_its_order_and_judged_where_the_truth_came(trained: Bench) -> None:
    rows = toy_rows(300, start=600).astype({"high": "Int64"})
    rows.loc[:99, "high"] = pd.NA
    outcome = trained.run(SCORE, source=put(trained, rows))
    assert (outcome["rows"], outcome["labelled"]) == (300, 200)
    made = pd.read_parquet(io.BytesIO(trained.store.get(outcome["output"])))
    assert made["id"].tolist() == rows["id"].tolist()
    assert made[["probability_0", "probability_1"]].sum(axis=1).between(0.999, 1.001).all()
    assert outcome["metrics"]["roc_auc"]["low"] > 0.7
    assert outcome["baselines"]["prior"] == 0.5
    trained.run(SCORE, source=put(trained, rows))
    (entry,) = ledger_of(trained.settings, trained.name).entries("scored")
    assert entry.figures["metrics"] == outcome["metrics"]


def test_a_file_that_does_not_fit_is_refused_and_nothing_is_written(trained: Bench) -> None:
    lacking = put(trained, toy_rows(10).drop(columns="size"))
    with pytest.raises(DataError, match="no size"):
        score(trained.settings, trained.store, trained.pipeline, lacking)
    wrong = put(trained, toy_rows(10).astype({"size": object}).assign(size="tall"))
    with pytest.raises(DataError, match="row 1"):
        score(trained.settings, trained.store, trained.pipeline, wrong)
    assert not list(trained.store.list(f"{trained.name}/scored/"))


def test_without_a_champion_it_says_what_to_do(bench: Bench) -> None:
    source = put(bench, toy_rows(10))
    with pytest.raises(Refused, match="perennial train"):
        score(bench.settings, bench.store, bench.pipeline, source)
