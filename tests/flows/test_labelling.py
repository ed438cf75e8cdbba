from __future__ import annotations

import pytest

from tasks.store.layout import Layout
from tests.flows.conftest import TOY, Bench, toy_rows

pytestmark = pytest.mark.system
INGEST, LABEL = "flows.ingestion:ingest", "flows.labelling:label"
TRAIN = "flows.training:train"


def test_rows_that_came_without_labels_are_learned_from_when_those_come(bench: Bench) -> None:
    bench.rewrite(TOY + "monitoring: {labels: delayed}\n")
    rows = toy_rows(600)
    # A file that ends in half a letter stopped its pipeline once.
    bench.bucket.put(f"{bench.name}/incoming/0.csv", b"id,at,n\xc3")
    bench.drop("a.csv", rows.drop(columns="high"))
    torn, good = bench.run(INGEST)["batches"]
    assert (torn["stands"], good["outcome"]) == ("quarantined", "accepted")
    assert torn["reasons"] == [
        "encoding: Line 1 is not UTF-8. Save the file as UTF-8, or set source.encoding."
    ]
    key = Layout(bench.name).labels_incoming + "truth.csv"
    late = rows[["id", "high"]].sample(500, random_state=1)
    bench.bucket.put(key, late.to_csv(index=False).encode())
    (landed,) = bench.run(LABEL)["files"]
    assert (landed["outcome"], landed["counts"]["new"]) == ("accepted", 500)
    assert bench.run(LABEL)["files"] == []
    trained = bench.run(TRAIN)
    assert trained["outcome"] == "promoted"
    assert trained["metrics"]["roc_auc"]["low"] > 0.6
