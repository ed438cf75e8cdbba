"""What the prediction API answers is what the table holds, and what labels judge."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from deployments.serving.predicting import Predicted, Predicting
from deployments.serving.routes import Finder, Found
from tasks.config import find_pipeline
from tasks.data.curated import append_batch, curated
from tasks.predictions.read import live_performance
from tasks.predictions.spool import Spool
from tasks.predictions.table import predictions_table
from tasks.serving.fleet import Fleet
from tasks.store.connect import open_bucket
from tasks.store.s3 import S3Bucket
from tasks.workspace import make_workspace
from tests.served import champion
from tests.servers import S3
from tests.tasks.predictions.shipping import ship_once

pytestmark = pytest.mark.system
NAME, ROWS = "answered", 400
FILE = f"""
name: {NAME}
task: binary
target: late
event_time: at
key: [id]
data: {{personal: [origin]}}
"""


def test_what_was_answered_is_kept_and_judged(s3: S3, tmp_path: Path) -> None:
    settings = replace(s3.settings, pipelines=tmp_path)
    (tmp_path / f"{NAME}.yaml").write_text(FILE)
    pipeline, bucket = find_pipeline(NAME, tmp_path), S3Bucket(settings)
    made = champion(bucket, settings.keyring, NAME, trees=50)
    fleet = Fleet(bucket, settings.keyring, print)
    fleet.look(0.0)
    spool, began = Spool(tmp_path / "log"), datetime.now(UTC)
    found = Finder().find("POST", f"/v1/{NAME}/predict")
    assert isinstance(found, Found)
    said = Predicting(fleet, spool.add, lambda *_: None).predict(
        found, json.dumps({"rows": made.rows(ROWS)}).encode()
    )
    assert isinstance(said, Predicted)
    (part,) = said.parts
    chances = part.made.probabilities
    assert chances is not None
    spool.close()
    assert (ship_once(settings, tmp_path / "log").rows, spool.dropped) == (ROWS, 0)
    rows = made.frame.head(ROWS)
    table = predictions_table(open_bucket(settings), NAME).read()
    (one,) = (row for row in table.to_pylist() if row["key"] == '{"id":7}')
    assert (one["id"], one["model_version"], one["key"]) == (said.ids[7], 1, '{"id":7}')
    assert (json.loads(one["value"]), one["probabilities"]) == (
        part.made.values[7],
        list(chances[7]),
    )
    sent = {name: value for name, value in made.rows(8)[7].items() if name != "origin"}
    assert json.loads(one["features"]) == sent
    assert abs(one["at"] - datetime.now(UTC)).total_seconds() < 300
    truth = pa.Table.from_pandas(rows[["id", "at", "late"]].head(300), preserve_index=False)
    pq.write_table(truth, tmp_path / "rows.parquet")
    append_batch(
        curated(open_bucket(settings), NAME), tmp_path / "rows.parquet", "b1", datetime.now(UTC), {}
    )
    live = live_performance(make_workspace(settings, pipeline), start=began)
    late = np.asarray(chances)[:300, 1]
    assert live.live.value == pytest.approx(roc_auc_score(rows["late"].head(300), late))
    assert (live.live.rows, live.live.labelled, live.judged) == (ROWS, 300, 300)
