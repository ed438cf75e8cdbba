"""Five hundred columns: what one row of them costs over HTTP, and how a training spares itself."""

from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd

from deployments.serving.application import Application
from deployments.serving.metrics import Metrics
from tasks.config import Pipeline
from tasks.dataset.split import Fold
from tasks.features.inference import infer_schema
from tasks.features.prepare import prepare, prepared_columns
from tasks.features.schema import Columns
from tasks.models.export import to_onnx
from tasks.models.families import FAMILIES
from tasks.models.keeping import keep
from tasks.serving.fleet import Fleet
from tasks.signatures import Keyring
from tasks.tuning.search import FEWEST_TRIALS, search_settings
from tests.buckets import local
from tests.served import Fitted, put_in_service, put_version, unlogged

KEY = Keyring("a key")
WIDTH = 500
NAMES = tuple(f"probe {i}" for i in range(WIDTH))


def probes(count: int) -> pd.DataFrame:
    draw = np.random.default_rng(4)
    return pd.DataFrame(draw.normal(size=(count, WIDTH)).astype(np.float32), columns=list(NAMES))


def test_of_a_wide_table_fewer_settings_are_tried_and_it_is_said() -> None:
    frame = probes(200)
    y = (frame["probe 7"] > 0).to_numpy(int)
    found = search_settings(
        frame, y, [Fold(np.arange(140), np.arange(140, 200))], task="binary", metric="roc_auc",
        families={"linear": FAMILIES["linear"]}, columns=Columns(NAMES, ()), trials=30,
    )  # fmt: skip
    assert len(found.trials) <= 1 + FEWEST_TRIALS
    assert f"{FEWEST_TRIALS} of 30 settings were tried" in found.why


def test_a_row_of_500_fields_is_answered_within_two_milliseconds() -> None:
    frame = probes(400).assign(at=pd.date_range("2024-01-01", periods=400, freq="s"))
    frame["late"] = (frame["probe 3"] + frame["probe 9"] > 0).astype(int)
    pipeline = Pipeline(name="flights", task="binary", target="late", event_time="at")
    schema = infer_schema(frame, pipeline)
    columns = prepared_columns(schema)
    model = FAMILIES["lightgbm"].build({}, columns, "binary", 7)
    model.fit(prepare(frame, schema), frame["late"].to_numpy())
    files = {"model.onnx": to_onnx(model, columns, "binary"), **keep(model)}
    bucket = local()
    made = Fitted(pipeline, frame, schema, model, "lightgbm", files)
    put_in_service(bucket, KEY, put_version(bucket, KEY, made, "flights", "first"))
    fleet = Fleet(bucket, KEY)
    fleet.look(0)
    application = Application(unlogged(fleet), Metrics())
    body = json.dumps({"rows": made.rows(1)}).encode()
    # a neighbour that empties the caches slows one round, and not each
    assert any(slowest(application, body) < 0.002 for _ in range(4))


def slowest(application: Application, body: bytes) -> float:
    """Return the 99th percentile of the seconds that a request takes."""
    scope = {"type": "http", "method": "POST", "path": "/v1/flights/predict", "headers": []}
    taken = []
    for _ in range(500):
        # of the thread: what else runs on the machine does not count
        started = time.thread_time()
        answered = application.at_once(scope, body)
        taken.append(time.thread_time() - started)
        assert answered is not None
        assert answered[0].status == 200, answered[0].body
    return float(np.quantile(taken, 0.99))
