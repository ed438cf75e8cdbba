"""Writes a backtest to MLflow: one run a policy, in an experiment beside the pipeline's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks.tracking.client import connect, ensure_experiment, filter_by_tags, log_values, to_metrics
from tasks.tracking.links import experiment_page
from tasks.tracking.record import KEY, NOTE, OURS, to_milliseconds, to_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class CourseRecord:
    """One replayed policy: what it was given, its figures, and a figure by batch.

    `steps` maps a metric's name to (batch, value) pairs.
    """

    name: str
    key: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    steps: Mapping[str, Sequence[tuple[int, float]]]
    note: str = ""


def track_courses(server: str, pipeline: str, records: Sequence[CourseRecord], at: datetime) -> str:
    """Write each policy that has no finished run of its key yet; return the experiment's page.

    Raises:
        TrackingError: the server is down or refuses.
    """
    with connect(server, f"backtest of {pipeline}") as client:
        experiment = ensure_experiment(client, f"{pipeline}-backtest", {})
        for record in records:
            _write(client, experiment, record, to_milliseconds(at))
    return experiment_page(server, experiment)


def _write(client: MlflowClient, experiment: str, record: CourseRecord, at: int) -> None:
    # what is finished stands; what a death left is written again
    for run in client.search_runs([experiment], filter_by_tags({KEY: record.key})):
        if run.info.status == "FINISHED":
            return
        client.delete_run(run.info.run_id)
    marks = {KEY: record.key, NOTE: record.note, **OURS}
    run_id = client.create_run(experiment, at, to_tags(marks), record.name).info.run_id
    metrics = to_metrics(record.metrics, at)
    for name, pairs in record.steps.items():
        for step, figure in pairs:
            metrics += to_metrics({name: figure}, at, step)
    log_values(client, run_id, metrics, record.params)
    client.set_terminated(run_id, "FINISHED", at)
