"""Writes trials as child runs: three requests each, two at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tasks.tracking.record import (
    RunRecord,
    TrialRecord,
    allowed_name,
    finite_metrics,
    to_milliseconds,
    to_params,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARENT = "mlflow.parentRunId"
# MLflow knows no pruned run.
STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
WRITERS = 2


def write_trials(client: MlflowClient, experiment: str, parent: str, record: RunRecord) -> None:
    """Write every trial of `record` as a child of the run `parent`."""

    def write(place: int) -> None:
        _write_trial(client, experiment, parent, record, place)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(len(record.trials))))


def _write_trial(
    client: MlflowClient, experiment: str, parent: str, record: RunRecord, place: int
) -> None:
    from mlflow.entities import Metric, Param

    trial, (began, ended) = record.trials[place], record.spans()[place]
    marks = {PARENT: parent, "mlflow.user": "perennial", **_trial_tags(trial)}
    run = client.create_run(experiment, to_milliseconds(began), marks, trial.name)
    at, metric = to_milliseconds(ended), allowed_name(record.metric)
    values = finite_metrics({f"folds_{metric}": trial.score, "fit_seconds": trial.seconds})
    metrics = [Metric(name, value, at, 0) for name, value in values.items()]
    for step, fold in enumerate(trial.folds):
        metrics += [
            Metric(n, v, at, step) for n, v in finite_metrics({f"fold_{metric}": fold}).items()
        ]
    # MLflow takes 100 in one request
    settings = list(to_params({"family": trial.family, **trial.params}).items())[:100]
    client.log_batch(run.info.run_id, metrics, [Param(name, text) for name, text in settings])
    client.set_terminated(run.info.run_id, STATUS[trial.state], at)


def _trial_tags(trial: TrialRecord) -> dict[str, Any]:
    return {
        "perennial.trial": str(trial.number),
        "perennial.family": trial.family,
        "perennial.origin": trial.origin,
    }
