"""Runs and model versions on a real MLflow server: whole, once, and found again."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import TrackingError
from tasks.tracking import record as records
from tasks.tracking.client import connect
from tasks.tracking.experiment import find_experiment_page, track
from tasks.tracking.registry import read_aliases, register, remove_alias, set_alias
from tests.servers import Tracking
from tests.tasks.tracking.dying import way_that_breaks
from tests.tasks.tracking.values import COLUMNS, record, tiny_model

pytestmark = pytest.mark.system
NAMES = (f"trk-{number}" for number in count())


@pytest.fixture(scope="module")
def server(mlflow_tracking: Tracking) -> str:
    return mlflow_tracking.uri


@pytest.fixture
def pipeline() -> str:
    return next(NAMES)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@contextmanager
def seen(server: str) -> Iterator[Any]:
    with connect(server, "test") as client:
        yield client


def runs(server: str, pipeline: str) -> list[Any]:
    with seen(server) as client:
        experiment = client.get_experiment_by_name(pipeline)
        return list(client.search_runs([experiment.experiment_id], max_results=500))


def parents(server: str, pipeline: str) -> list[Any]:
    return [run for run in runs(server, pipeline) if "mlflow.parentRunId" not in run.data.tags]


def registered(server: str, pipeline: str) -> list[Any]:
    with seen(server) as client:
        return list(client.search_model_versions(f"name = '{pipeline}'"))


def register_one(server: str, pipeline: str, run_id: str, version: int = 1) -> int:
    return register(
        server,
        pipeline=pipeline,
        version=version,
        key=f"key-{version}",
        run_id=run_id,
        model=tiny_model(),
        columns=COLUMNS,
        description="extra_trees",
        marks={"perennial.verdict": "passed"},
        about="Will it be late?",
    )


def breaks_after(writes: int, server: str, work: Callable[[str], object]) -> bool:
    """Do `work` until the way to the server breaks; say whether it broke before the end."""
    with way_that_breaks(server, writes) as way:
        try:
            work(way.uri)
        except TrackingError:
            assert way.broken
            return True
    return False


def test_a_run_tells_everything(server: str, pipeline: str) -> None:
    told = record("key-1", pipeline=pipeline, trials_made=6)
    run_id = track(server, told)
    with seen(server) as client:
        run = client.get_run(run_id)
        experiment = client.get_experiment_by_name(pipeline)
        artifacts = {item.path for item in client.list_artifacts(run_id)}
        plots = {item.path for item in client.list_artifacts(run_id, "plots")}
    assert run.info.status == "FINISHED"
    assert run.info.run_name == told.name
    assert run.info.end_time - run.info.start_time == 60_000
    assert run.data.params == {"family": "extra_trees", "trees": "200"}
    assert run.data.metrics == {"roc_auc": 0.66, "roc_auc_low": 0.65, "roc_auc_high": 0.67}
    assert run.data.tags["perennial.data_version"] == "3"
    assert run.data.tags["mlflow.note.content"] == told.note
    assert experiment.tags["mlflow.note.content"] == told.about
    assert artifacts == {"model-card.md", "plots"}
    assert plots == {"plots/roc.png"}


def test_a_run_names_its_data(server: str, pipeline: str) -> None:
    run_id = track(server, record("key-1", pipeline=pipeline, trials_made=0))
    with seen(server) as client:
        (given_data,) = client.get_run(run_id).inputs.dataset_inputs
    data = given_data.dataset
    assert data.name == f"{pipeline} v3"
    assert json.loads(data.source) == {
        "path": f"s3://perennial/{pipeline}/curated",
        "delta_table_version": 3,
    }
    assert json.loads(data.profile)["num_rows"] == 80_000
    assert {tag.key: tag.value for tag in given_data.tags}["version"] == "3"


def test_trials_are_children_with_their_own_state(server: str, pipeline: str) -> None:
    run_id = track(server, record("key-1", pipeline=pipeline, trials_made=6))
    children = [run for run in runs(server, pipeline) if run.info.run_id != run_id]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {run_id}
    by_number = {run.data.tags["perennial.trial"]: run for run in children}
    assert len(by_number) == 6
    assert by_number["5"].data.params == {"family": "linear", "depth": "5", "rate": "0.5"}
    assert by_number["5"].data.metrics["folds_roc_auc"] == 0.605
    assert by_number["4"].info.status == "KILLED"
    assert "folds_roc_auc" not in by_number["4"].data.metrics


def test_the_same_key_is_one_run(server: str, pipeline: str) -> None:
    told = record("key-1", pipeline=pipeline)
    assert track(server, told) == track(server, told)
    assert track(server, replace(told, key="key-2")) != track(server, told)
    assert len(parents(server, pipeline)) == 2


@pytest.mark.usefixtures("impatient")
def test_a_crash_after_any_write_leaves_one_whole_run(server: str, pipeline: str) -> None:
    crashes = 0
    for writes in range(1, 100):
        told = record(f"key-{writes}", pipeline=pipeline, trials_made=1)
        if not breaks_after(writes, server, lambda there, told=told: track(there, told)):
            break
        crashes += 1
        assert track(server, told) == track(server, told)
    # a run with one trial takes ten writing requests; after the last, all is told
    assert crashes == 9
    finished = [run.data.tags["perennial.key"] for run in parents(server, pipeline)]
    assert len(finished) == len(set(finished)) == crashes + 1
    assert {run.info.status for run in parents(server, pipeline)} == {"FINISHED"}
    assert len(runs(server, pipeline)) == 2 * (crashes + 1)


def test_a_deleted_experiment_comes_back(server: str, pipeline: str) -> None:
    track(server, record("key-1", pipeline=pipeline, trials_made=0))
    with seen(server) as client:
        client.delete_experiment(client.get_experiment_by_name(pipeline).experiment_id)
    track(server, record("key-2", pipeline=pipeline, trials_made=0))
    assert "key-2" in {run.data.tags["perennial.key"] for run in parents(server, pipeline)}


def test_a_registered_model_answers(
    server: str, pipeline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    run_id = track(server, record("key-1", pipeline=pipeline, trials_made=0))
    number = register_one(server, pipeline, run_id)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    model = mlflow.pyfunc.load_model(f"models:/{pipeline}/{number}")
    answer = model.predict(pd.DataFrame({"hour": np.float32([0.0]), "carrier": ["AA"]}))
    assert answer["probabilities"].tolist() == [[0.5, 0.5]]
    assert mlflow.onnx.load_model(f"models:/{pipeline}/{number}").graph.name == "tiny"
    needed = Path(mlflow.pyfunc.get_model_dependencies(f"models:/{pipeline}/{number}")).read_text()
    assert needed.split()
    assert all("==" in line for line in needed.split())
    (version,) = registered(server, pipeline)
    assert version.tags["perennial.verdict"] == "passed"
    assert version.description == "extra_trees"
    assert version.run_id == run_id


@pytest.mark.usefixtures("impatient")
def test_a_crash_after_any_write_leaves_one_version(server: str, pipeline: str) -> None:
    run_id = track(server, record("key-1", pipeline=pipeline, trials_made=0))
    crashes = 0
    for writes in range(1, 60):

        def work(there: str, writes: int = writes) -> int:
            return register_one(there, pipeline, run_id, writes)

        if not breaks_after(writes, server, work):
            break
        crashes += 1
        assert work(server) == work(server)
    assert crashes >= 8
    ours = sorted(
        int(version.tags["perennial.version"]) for version in registered(server, pipeline)
    )
    assert ours == list(range(1, crashes + 2))
    with seen(server) as client:
        experiment = client.get_experiment_by_name(pipeline).experiment_id
        logged = client.search_logged_models([experiment])
    assert {str(model.status) for model in logged} == {"READY"}


def test_aliases_speak_our_versions(server: str, pipeline: str) -> None:
    assert read_aliases(server, pipeline) == {}
    run_id = track(server, record("key-1", pipeline=pipeline, trials_made=0))
    for version in (7, 9):
        register_one(server, pipeline, run_id, version)
    set_alias(server, pipeline, "champion", 7)
    set_alias(server, pipeline, "challenger", 9)
    assert read_aliases(server, pipeline) == {"champion": 7, "challenger": 9}
    set_alias(server, pipeline, "champion", 9)
    remove_alias(server, pipeline, "challenger")
    remove_alias(server, pipeline, "challenger")
    assert read_aliases(server, pipeline) == {"champion": 9}


def test_an_alias_needs_a_registered_version(server: str, pipeline: str) -> None:
    with pytest.raises(TrackingError, match="Register it first"):
        set_alias(server, pipeline, "champion", 1)


def test_bytes_that_are_no_model_are_refused(server: str, pipeline: str) -> None:
    run_id = track(server, record("key-1", pipeline=pipeline, trials_made=0))
    with pytest.raises(TrackingError):
        register(
            server,
            pipeline=pipeline,
            version=1,
            key="key-1",
            run_id=run_id,
            model=b"\xff not a model",
            columns=COLUMNS,
            description="",
            marks={},
        )
    assert registered(server, pipeline) == []


def test_an_unknown_run_is_one_clear_message(server: str, pipeline: str) -> None:
    with pytest.raises(TrackingError, match=f"it takes the model {pipeline} 1"):
        register_one(server, pipeline, "nowhere")


def test_an_experiment_has_a_page_once_trained(server: str, pipeline: str) -> None:
    with pytest.raises(TrackingError, match=f"perennial train {pipeline}"):
        find_experiment_page(server, pipeline)
    track(server, record("key-1", pipeline=pipeline, trials_made=0))
    assert find_experiment_page(server, pipeline).startswith(f"{server}/#/experiments/")


def test_a_server_that_is_down_is_one_clear_message(server: str) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        uri = f"http://user:secret@127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(TrackingError) as caught:
            track(uri, record("key-1"))
    assert "perennial up" in str(caught.value)
    assert "it answers" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is not None


@settings(deadline=None)
@given(st.text(max_size=400))
def test_any_name_becomes_one_that_mlflow_takes(name: str) -> None:
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name

    made = records.allowed_name(name)
    _validate_metric_name(made)
    _validate_param_name(made)
    assert len(made) <= records.NAME_LIMIT
