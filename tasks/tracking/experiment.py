"""Writes a training run to MLflow: once for each training key, however often it is told."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import TrackingError, bounded
from tasks.tracking.client import (
    address,
    connect,
    ensure_experiment,
    filter_by_tags,
    log_values,
    to_metrics,
)
from tasks.tracking.links import experiment_page
from tasks.tracking.record import KEY, NOTE, OURS, TAG_LIMIT, RunRecord, to_milliseconds
from tasks.tracking.trials import PARENT, write_trials

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

PRIMARY = "mlflow.experiment.primaryMetric.name"
KIND = {"mlflow.experimentKind": "custom_model_development"}
# MLflow refuses a dataset's digest of more than 36 letters; the whole one is a tag.
DIGEST_SHOWN = 12


def track(server: str, record: RunRecord) -> str:
    """Write the run with its trials, data, plots and card; return its MLflow run id.

    A finished run of the same training key is returned as it is; a half-written one is
    replaced. The run counts as finished by its last write only.

    Raises:
        TrackingError: the server is down or refuses.
    """
    with connect(server, f"run {record.name}") as client:
        about = {**KIND, PRIMARY: record.metric, NOTE: record.about}
        experiment = ensure_experiment(client, record.pipeline, about)
        finished, torn = _known(client, experiment, record.key)
        if finished:
            return finished[0]
        for run in torn:
            _discard(client, experiment, run)
        run = _begin(client, experiment, record)
        _describe(client, run, record)
        _attach(client, run, record)
        write_trials(client, experiment, run, record)
        # another process may have told the same run meanwhile: what ended first stands
        if finished := _known(client, experiment, record.key)[0]:
            _discard(client, experiment, run)
            return finished[0]
        client.set_terminated(run, "FINISHED", to_milliseconds(record.ended))
        return _settle(client, experiment, record.key)


def find_experiment_page(server: str, pipeline: str) -> str:
    """Return the page of the pipeline's experiment.

    Raises:
        TrackingError: the server is down, or has no such experiment yet.
    """
    with connect(server, f"experiment {pipeline}") as client:
        found = client.get_experiment_by_name(pipeline)
    if found is None:
        where = f"MLflow at {address(server)}"
        remedy = f"Train first: `perennial train {pipeline}`."
        raise TrackingError(where, f"it has the experiment {pipeline}", "none", remedy)
    return experiment_page(server, found.experiment_id)


def _known(client: MlflowClient, experiment: str, key: str) -> tuple[list[str], list[str]]:
    runs = client.search_runs([experiment], filter_by_tags({KEY: key}))
    ids = {run.info.run_id: run.info.status for run in runs}
    finished = sorted(run for run, status in ids.items() if status == "FINISHED")
    return finished, sorted(set(ids) - set(finished))


def _discard(client: MlflowClient, experiment: str, run: str) -> None:
    children = client.search_runs([experiment], filter_by_tags({PARENT: run}), max_results=5000)
    # the parent last: after a death in between, nothing else would lead to its children
    for child in children:
        client.delete_run(child.info.run_id)
    client.delete_run(run)


def _settle(client: MlflowClient, experiment: str, key: str) -> str:
    # two processes may finish in the same moment: ids are sorted, so that both keep the same run
    first, *others = _known(client, experiment, key)[0]
    for run in others:
        _discard(client, experiment, run)
    return first


def _begin(client: MlflowClient, experiment: str, record: RunRecord) -> str:
    marks = {
        KEY: record.key,
        **OURS,
        "mlflow.source.name": f"train {record.pipeline}",
        "mlflow.source.type": "JOB",
        NOTE: bounded(record.note, TAG_LIMIT),
    }
    started = to_milliseconds(record.started)
    run = client.create_run(experiment, started, tags=marks, run_name=record.name)
    return str(run.info.run_id)


def _describe(client: MlflowClient, run: str, record: RunRecord) -> None:
    source, at = _source(record), to_milliseconds(record.ended)
    client.log_inputs(run, datasets=[source])
    of = {"dataset_name": source.dataset.name, "dataset_digest": source.dataset.digest}
    metrics = to_metrics(record.metrics, at, **of)
    log_values(client, run, metrics, record.params, record.tags)


def _source(record: RunRecord) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    told = record.dataset
    columns = [{"name": n, "type": t, "required": False} for n, t in told.schema.items()]
    data = Dataset(
        name=f"{told.name} v{told.version}",
        digest=told.digest[:DIGEST_SHOWN],
        source_type="delta_table",
        source=json.dumps({"path": told.source, "delta_table_version": told.version}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"num_rows": told.rows, "window": told.window}),
    )
    marks = {
        "mlflow.data.context": "training",
        "version": told.version,
        "window": told.window,
        "digest": told.digest,
    }
    # MLflow refuses an input's tag of more than 500 letters
    return DatasetInput(data, [InputTag(name, str(text)[:500]) for name, text in marks.items()])


def _attach(client: MlflowClient, run: str, record: RunRecord) -> None:
    files = {path: text.encode() for path, text in record.texts.items()} | {**record.images}
    with tempfile.TemporaryDirectory() as folder:
        for path, content in files.items():
            place = Path(folder) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        client.log_artifacts(run, folder)
