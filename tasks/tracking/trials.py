"""Writes trials as child runs: three requests each, two at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tasks.tracking.client import log_values, to_metrics
from tasks.tracking.record import OURS, RunRecord, allowed_name, to_milliseconds

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARENT = "mlflow.parentRunId"
# MLflow knows no pruned run.
STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
WRITERS = 2


def write_trials(client: MlflowClient, experiment: str, parent: str, record: RunRecord) -> None:
    """Write every trial of `record` as a child of the run `parent`."""
    metric, spans = allowed_name(record.metric), record.spans()

    def write(place: int) -> None:
        trial, (began, ended) = record.trials[place], map(to_milliseconds, spans[place])
        marks = {
            PARENT: parent,
            **OURS,
            "perennial.trial": str(trial.number),
            "perennial.family": trial.family,
            "perennial.origin": trial.origin,
        }
        run_id = client.create_run(experiment, began, marks, trial.name).info.run_id
        scores = {
            f"folds_{metric}": trial.score,
            "fit_seconds": trial.seconds,
            "cpu_seconds": trial.cpu_seconds,
        }
        metrics = to_metrics(scores, ended)
        for step, fold in enumerate(trial.folds):
            metrics += to_metrics({f"fold_{metric}": fold}, ended, step)
        log_values(client, run_id, metrics, {"family": trial.family, **trial.params})
        # last of all: a trial that a death left open is shown as running, and its parent torn
        client.set_terminated(run_id, STATUS[trial.state], ended)

    with ThreadPoolExecutor(WRITERS) as pool:
        # the list asks for every result, and so raises what a writer met
        list(pool.map(write, range(len(record.trials))))
