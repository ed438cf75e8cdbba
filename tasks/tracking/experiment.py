"""Writes a training run to MLflow: once for each training key, however often it is told."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import TrackingError, bounded
from tasks.tracking.client import address, connect, ensure_experiment
from tasks.tracking.links import experiment_page, run_url
from tasks.tracking.record import (
    KEY,
    REASON,
    TAG_LIMIT,
    VERDICT,
    RunRecord,
    check_path,
    chunks,
    finite_metrics,
    to_milliseconds,
    to_params,
    to_tags,
)
from tasks.tracking.trials import PARENT, write_trials

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

NOTE = "mlflow.note.content"
PRIMARY = "mlflow.experiment.primaryMetric.name"
KIND = {"mlflow.experimentKind": "custom_model_development"}
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


def update_verdict(
    server: str,
    run_id: str,
    verdict: str,
    reason: str,
    *,
    more: Mapping[str, str] | None = None,
    note: str | None = None,
    texts: Mapping[str, str] | None = None,
) -> None:
    """Set the verdict and its reason on a run; also further tags, the note, and artifacts anew.

    Args:
        server: MLflow's address.
        run_id: the run.
        verdict: one word or two.
        reason: a sentence.
        more: further tags.
        note: the run's description, as Markdown.
        texts: artifacts by path.

    Raises:
        TrackingError: the server is down or knows no such run.
    """
    from mlflow.entities import RunTag

    values = to_tags({VERDICT: verdict, REASON: reason, **(more or {})})
    if note is not None:
        values[NOTE] = bounded(note, TAG_LIMIT)
    with connect(server, f"verdict of run {run_id}") as client:
        for part in chunks(values):
            client.log_batch(run_id, tags=[RunTag(name, text) for name, text in part.items()])
        _upload(client, run_id, {path: text.encode() for path, text in (texts or {}).items()})


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


def find_run_page(server: str, run_id: str) -> str:
    """Return the page of a run inside its experiment, which the server is asked for.

    Raises:
        TrackingError: the server is down or knows no such run.
    """
    with connect(server, f"run {run_id}") as client:
        return run_url(server, run_id, client.get_run(run_id).info.experiment_id)


def _known(client: MlflowClient, experiment: str, key: str) -> tuple[list[str], list[str]]:
    runs = client.search_runs([experiment], f"tags.`{KEY}` = '{key}'")
    ids = {run.info.run_id: run.info.status for run in runs}
    finished = sorted(run for run, status in ids.items() if status == "FINISHED")
    return finished, sorted(set(ids) - set(finished))


def _discard(client: MlflowClient, experiment: str, run: str) -> None:
    children = client.search_runs([experiment], f"tags.`{PARENT}` = '{run}'", max_results=5000)
    for child in children:
        client.delete_run(child.info.run_id)
    client.delete_run(run)


def _settle(client: MlflowClient, experiment: str, key: str) -> str:
    """Keep one where two processes finished in the same moment."""
    first, *others = _known(client, experiment, key)[0]
    # ids are sorted, so that both processes keep the same run
    for run in others:
        _discard(client, experiment, run)
    return first


def _begin(client: MlflowClient, experiment: str, record: RunRecord) -> str:
    marks = {
        KEY: record.key,
        "mlflow.user": "perennial",
        "mlflow.source.name": f"train {record.pipeline}",
        "mlflow.source.type": "JOB",
        NOTE: bounded(record.note, TAG_LIMIT),
    }
    started = to_milliseconds(record.started)
    run = client.create_run(experiment, started, tags=marks, run_name=record.name)
    return str(run.info.run_id)


def _describe(client: MlflowClient, run: str, record: RunRecord) -> None:
    from mlflow.entities import Metric, Param, RunTag

    source = _source(record)
    client.log_inputs(run, datasets=[source])
    data, at = source.dataset, to_milliseconds(record.ended)
    metrics = [
        Metric(name, value, at, 0, dataset_name=data.name, dataset_digest=data.digest)
        for name, value in finite_metrics(record.metrics).items()
    ]
    # MLflow takes no more than 1,000 in one request
    for start in range(0, len(metrics), 500):
        client.log_batch(run, metrics=metrics[start : start + 500])
    for part in chunks(to_params(record.params)):
        client.log_batch(run, params=[Param(name, text) for name, text in part.items()])
    for part in chunks(to_tags(record.tags)):
        client.log_batch(run, tags=[RunTag(name, text) for name, text in part.items()])


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
    texts = {path: text.encode() for path, text in record.texts.items()}
    _upload(client, run, {**texts, **record.images})


def _upload(client: MlflowClient, run: str, files: Mapping[str, bytes]) -> None:
    if not files:
        return
    with tempfile.TemporaryDirectory() as folder:
        for path, content in files.items():
            place = Path(folder) / check_path(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        client.log_artifacts(run, folder)
