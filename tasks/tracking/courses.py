"""Writes a backtest to MLflow: one run a policy, in an experiment beside the pipeline's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks.errors import DataError
from tasks.tracking.client import connect, ensure_experiment
from tasks.tracking.links import experiment_page
from tasks.tracking.record import KEY, finite_metrics, to_milliseconds, to_params, to_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient

# The metrics that MLflow takes in one request; of parameters and of tags it takes 100:
# https://mlflow.org/docs/latest/rest-api.html#log-batch
BATCH_SIZE = 1000


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

    def __post_init__(self) -> None:
        if not self.key:
            raise DataError("run", "a replayed policy has a key", repr(self.key))


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
    from mlflow.entities import Metric, Param

    # what is finished stands; what a death left is written again
    for run in client.search_runs([experiment], f"tags.`{KEY}` = '{record.key}'"):
        if run.info.status == "FINISHED":
            return
        client.delete_run(run.info.run_id)
    marks = to_tags(
        {KEY: record.key, "mlflow.user": "perennial", "mlflow.note.content": record.note}
    )
    run_id = client.create_run(experiment, at, tags=marks, run_name=record.name).info.run_id
    metrics = [Metric(name, value, at, 0) for name, value in finite_metrics(record.metrics).items()]
    for name, pairs in record.steps.items():
        metrics += [
            Metric(told, value, at, step)
            for step, figure in pairs
            for told, value in finite_metrics({name: figure}).items()
        ]
    settings = list(to_params(record.params).items())[:100]
    client.log_batch(run_id, params=[Param(name, text) for name, text in settings])
    for start in range(0, len(metrics), BATCH_SIZE):
        client.log_batch(run_id, metrics=metrics[start : start + BATCH_SIZE])
    client.set_terminated(run_id, "FINISHED", at)
