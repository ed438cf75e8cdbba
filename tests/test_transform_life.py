"""A user's function, the same in training, in scoring and over HTTP, value by value."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from deployments.apply.transforms import check_transform
from deployments.serving.application import Application
from deployments.serving.metrics import Metrics
from tasks.config import Pipeline
from tasks.errors import ConfigurationError
from tasks.promotion import pointer
from tasks.promotion.model_version import ModelVersion
from tasks.promotion.versions import load
from tasks.scoring.score import score_source
from tasks.serving.fleet import Fleet
from tasks.serving.rows import Reader
from tasks.settings import Settings
from tasks.store.local import LocalBucket
from tasks.workspace import Workspace
from tests import life
from tests.served import ask, unlogged

NAME = "tests.test_transform_life"
SENT = ("id", "at", "floor", "member", "size", "colour", "opened")


def describe(frame: pd.DataFrame) -> pd.DataFrame:
    """Make columns whose values follow from the types in which they come."""
    return frame.assign(
        # a whole number that is written out: 3 or 3.0, also where the column has a gap
        label=frame["floor"].astype(str) + "/" + frame["colour"].fillna("none"),
        doubled=frame["member"] * 2 + frame["floor"] // 2,
        hour=frame["opened"].dt.hour,
        age=(frame["at"] - frame["opened"]).dt.total_seconds() / 3600,
    ).drop(columns=["opened"])


def shops(count: int, start: int = 0) -> pd.DataFrame:
    """Make rows with whole numbers, truth values and times; gaps only in the later ones."""
    rows, draw = life.toy_rows(count, start), np.random.default_rng(start)
    opened = rows["at"] - pd.to_timedelta(draw.integers(1, 48, count), unit="h")
    floor = pd.Series(draw.integers(0, 9, count), dtype="Int64").mask(draw.random(count) < 0.1)
    member = pd.Series(draw.random(count) < 0.4, dtype="boolean").mask(draw.random(count) < 0.1)
    return rows.assign(opened=opened, floor=floor, member=member)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = life.toy_workspace(
        tmp_path_factory.mktemp("transform"),
        data={"suite": "tests.suites.open_columns"},
        features={"transform": f"{NAME}:describe"},
        training={"families": ["linear", "lightgbm"], "trials": 0},
        gate={"slices": []},
    )
    assert life.ingest(workspace, "a.csv", shops(1200)).outcome == "accepted"
    ended = life.train(workspace)
    assert ended.outcome == "promoted", ended.summary
    return workspace


@pytest.fixture(scope="module")
def version(workspace: Workspace) -> ModelVersion:
    found = pointer.read(workspace)
    assert found is not None
    return load(workspace, found[0].version, found[0].digest)


def sent(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Return rows as a client sends them."""
    text = rows[list(SENT)].to_json(orient="records", date_format="iso")
    return list(json.loads(text))


def asked(workspace: Workspace, rows: pd.DataFrame) -> list[float]:
    """Return what the API answers to each row, asked for by itself."""
    fleet = Fleet(workspace.bucket, workspace.keyring)
    fleet.look(0)
    application = Application(unlogged(fleet), Metrics())
    found = []
    for row in sent(rows):
        body = json.loads(ask(application, "/v1/toy/predict", {"rows": [row]})[0].body)
        assert "predictions" in body, body
        found.append(body["predictions"][0]["probability"]["1"])
    return found


@pytest.mark.parametrize("part", [slice(0, 300), slice(0, 1), slice(7, 8)])
def test_the_same_rows_are_the_same_to_the_model_everywhere(
    workspace: Workspace, version: ModelVersion, part: slice
) -> None:
    """Bit by bit, as the table has them, as a file, and as requests."""
    rows = workspace.curated.scan().sort("id").collect().to_arrow()
    trained = rows.to_pandas(date_as_object=False)
    # of a few rows a column may have no gap: then it comes in another type than in training
    few = rows.slice(part.start, part.stop - part.start).to_pandas(date_as_object=False)
    among, alone = version.prepare(trained).iloc[part], version.prepare(few)
    pd.testing.assert_frame_equal(among.reset_index(drop=True), alone.reset_index(drop=True))
    request = version.manifest.lineage.request
    assert request is not None
    read = Reader(request, version.schema, version.transform).read(sent(trained.iloc[part]))
    numbers = among.select_dtypes("float32").to_numpy()
    np.testing.assert_array_equal(np.array(read.numbers, np.float32), numbers)
    texts = among.select_dtypes(exclude="float32").to_numpy(object)
    assert read.texts == texts.tolist()
    if part.stop - part.start > 1:
        assert among["label"].str.contains("3.0/").any()


def test_training_scoring_and_the_api_answer_with_the_same_bits(
    workspace: Workspace, version: ModelVersion
) -> None:
    rows = shops(120, start=1200)
    key = "toy/in/new.csv"
    workspace.bucket.put(key, rows.drop(columns="high").to_csv(index=False).encode())
    made = pd.read_parquet(io.BytesIO(workspace.bucket.get(score_source(workspace, key)["output"])))
    table = pa.Table.from_pandas(rows, preserve_index=False)
    learned = version.predict(table.to_pandas(date_as_object=False))[:, 1]
    scored = made["probability_1"].to_numpy()
    served = np.array(asked(workspace, rows))
    assert np.ptp(learned) > 0.2
    np.testing.assert_array_equal(served, learned.astype(np.float64))
    np.testing.assert_array_equal(scored, learned.astype(np.float64))


def inverted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(other=~frame["member"].astype("bool") & frame["colour"].str.len().gt(2))


def told_apart(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(zone=frame["at"].dt.tz_convert("America/New_York").dt.hour)


def since_it_came(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(waited=(frame["_ingested_at"] - frame["at"]).dt.total_seconds())


def masked(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(kept=frame["size"].where(frame["member"], 0))


def refused_by_apply(workspace: Workspace, function: str, folder: Path) -> str:
    """Return why `perennial apply` refuses a pipeline with this function, or nothing."""
    content = workspace.pipeline.model_dump(mode="json")
    content["features"]["transform"] = f"{NAME}:{function}"
    assert isinstance(workspace.bucket, LocalBucket)
    bucket = workspace.bucket.folder.as_uri()
    settings = Settings("", "", "", "key", bucket=bucket, home=folder, pipelines=folder)
    try:
        check_transform(settings, Pipeline.model_validate(content))
    except ConfigurationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("function", ["told_apart", "since_it_came", "masked"])
def test_what_no_request_could_go_through_is_refused_by_apply(
    function: str, workspace: Workspace, tmp_path: Path
) -> None:
    """On the rows of a table alone it would work, and then answer every request with a refusal."""
    rows = workspace.curated.scan().head(50).collect().to_arrow()
    frame = rows.to_pandas(date_as_object=False).dropna()
    assert len(globals()[function](frame.astype({"member": bool}))) == len(frame)
    why = refused_by_apply(workspace, function, tmp_path)
    assert why.startswith(f"features.transform ({NAME}:{function}): ")


@pytest.mark.parametrize("function", ["describe", "inverted"])
def test_what_a_request_can_go_through_is_not(
    function: str, workspace: Workspace, tmp_path: Path
) -> None:
    assert refused_by_apply(workspace, function, tmp_path) == ""
