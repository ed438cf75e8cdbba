"""Scoring against a real store: every row of April as scikit-learn answers it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import requests

from deployments.demo.flights import flights, month
from tasks.config import Pipeline, find_pipeline
from tasks.scoring.score import score_source
from tasks.settings import REPOSITORY
from tasks.store.s3 import S3Bucket
from tasks.workspace import make_workspace
from tests.flows.conftest import toy_rows
from tests.servers import S3, answers, poll, running_serving
from tests.tasks.scoring.scenes import served

PIPELINES = REPOSITORY / "deployments" / "pipelines"
FEW = 60_000


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_every_flight_of_april_is_scored_as_by_scikit_learn(s3: S3, tmp_path: Path) -> None:
    pipeline, bucket = find_pipeline("flights", PIPELINES), S3Bucket(s3.settings)
    at = pl.col("scheduled_departure")
    first = flights().filter(at.dt.month() <= 3, pl.col("late").is_not_null()).tail(FEW)
    typed = first.with_columns(pl.col(pl.Int8, pl.Int32).cast(pl.Int64)).with_columns(
        at.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    )
    champion = served(s3.settings, bucket, pipeline, typed.to_arrow())
    path = month(4, tmp_path)
    key = "flights/scoring/april.csv"
    bucket.upload(path, key)
    said: list[str] = []
    outcome = score_source(
        make_workspace(s3.settings, pipeline), key, say=said.append, part_rows=10_000
    )
    made = pd.read_parquet(io.BytesIO(bucket.get(outcome["output"])))
    rows = pd.read_csv(path, parse_dates=["scheduled_departure"], dtype={"flight_number": "str"})
    assert outcome["rows"] == len(made) == len(rows) == 28_330
    assert made["flight_id"].tolist() == rows["flight_id"].tolist()
    expected = champion.answers(rows)
    found = made[["probability_0", "probability_1"]].to_numpy()
    assert np.abs(found - expected).max() < 1e-5
    assert expected[:, 1].std() > 0.05
    assert (made["prediction"].to_numpy() == expected.argmax(axis=1)).mean() > 0.9999
    assert outcome["metrics"]["roc_auc"]["value"] > 0.6
    assert len(said) == 3
    assert said[-1].startswith("28,330 rows scored")
    log = tmp_path / "serving.log"
    with running_serving(s3.settings, log, workers=1) as serving:
        url = f"http://127.0.0.1:{serving.port}"
        poll(lambda: answers(f"{url}/flights/ping"), 60, "a champion in service")
        answered = [
            prediction["probability"]["1"] for prediction in asked(url, rows.drop(columns="late"))
        ]
    assert np.abs(np.array(answered) - expected[:, 1]).max() < 1e-5


def asked(url: str, rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the API's prediction for each row, asked in as large requests as it takes."""
    texts = rows.assign(scheduled_departure=rows["scheduled_departure"].map(str)).astype(object)
    plain = texts.where(rows.notna(), None)
    for start in range(0, len(plain), 10_000):
        body = {"rows": plain.iloc[start : start + 10_000].to_dict("records")}
        answer = requests.post(f"{url}/v1/flights/predict", json=body, timeout=120)
        assert answer.status_code == 200, answer.text[:2000]
        yield from answer.json()["predictions"]


@pytest.mark.parametrize(("task", "family"), [("multiclass", "lightgbm"), ("regression", "mlp")])
def test_every_task_is_scored_as_by_scikit_learn(s3: S3, task: str, family: str) -> None:
    pipeline = Pipeline.model_validate(
        {"name": f"every-{task}", "task": task, "target": "high", "event_time": "at", "key": ["id"]}
    )
    bucket, rows = (
        S3Bucket(s3.settings),
        toy_rows(900).assign(at=lambda f: f["at"].dt.as_unit("us")),
    )
    rows["at"] = rows["at"].dt.tz_localize("UTC")
    if task == "multiclass":
        rows["high"] = rows["high"].map({0: "low", 1: "high"}).where(rows["size"] < 1, "odd")
    else:
        rows["high"] = rows["high"] * 250.0 + rows["size"].fillna(0)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    champion = served(s3.settings, bucket, pipeline, table, family=family, params={})
    rows.to_parquet(content := io.BytesIO())
    bucket.put("every/new.parquet", content.getvalue())
    outcome = score_source(
        make_workspace(s3.settings, pipeline), "every/new.parquet", part_rows=400
    )
    made = pd.read_parquet(io.BytesIO(bucket.get(outcome["output"])))
    expected = champion.answers(rows)
    assert made["id"].tolist() == rows["id"].tolist()
    assert (outcome["rows"], outcome["labelled"]) == (900, 900)
    if task == "regression":
        assert np.abs(made["prediction"] - expected).max() < 1e-5 * np.abs(expected).max()
        return
    classes = ["high", "low", "odd"]
    found = made[[f"probability_{name}" for name in classes]].to_numpy()
    assert np.abs(found - expected).max() < 1e-5
    assert (made["prediction"] == np.array(classes)[expected.argmax(axis=1)]).mean() > 0.999
