"""The way into MLflow: bounded waits, a quiet terminal, and its errors made ours."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tasks.errors import TrackingError, TrackingUnavailable, bounded
from tasks.tracking.record import finite_metrics, to_params, to_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

# MLflow's own defaults block for four minutes and print two lines to standard output per run.
DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}
# Whose errors say that server, network or store failed; any other is our own mistake.
VENDORS = {"mlflow", "requests", "urllib3", "botocore", "boto3", "s3transfer", "onnx", "google"}
# What urllib3 says where nobody answers; MLflow hands its text on, not its class.
SILENCE = ("Max retries exceeded", "Connection refused", "timed out", "Connection aborted")


@contextmanager
def connect(server: str, doing: str) -> Iterator[MlflowClient]:
    """Yield a client of the tracking server; `doing` names the work in a failure.

    Raises:
        TrackingError: the server is down, refuses the credentials, or refuses the work.
    """
    for name, value in DEFAULTS.items():
        # a person's own setting stands
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    try:
        yield MlflowClient(tracking_uri=server, registry_uri=server)
    except Exception as error:
        if not _is_vendors(error):
            raise
        raise _ours(server, doing, error) from error


def address(uri: str) -> str:
    """Return the server's address without credentials or a trailing slash.

    >>> address("http://user:secret@127.0.0.1:5000/")
    'http://127.0.0.1:5000'
    """
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host).geturl().rstrip("/")


def is_absent(error: Exception) -> bool:
    """Whether MLflow says that there is no such thing."""
    return getattr(error, "error_code", "") in {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}


def is_taken(error: Exception) -> bool:
    """Whether MLflow says that the name exists already."""
    return getattr(error, "error_code", "") in {"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"}


def ensure_experiment(client: MlflowClient, name: str, about: Mapping[str, str]) -> str:
    """Return the id of the experiment of this name, made or restored as needed, with its tags."""
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, tags=dict(about)))
        # another process may have made it since we looked
        except Exception as error:
            if not is_taken(error):
                raise
            found = client.get_experiment_by_name(name)
    assert found is not None
    # MLflow keeps the name of a deleted experiment, and refuses a new one of it
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    for tag, text in about.items():
        if found.tags.get(tag) != text:
            client.set_experiment_tag(found.experiment_id, tag, text)
    return str(found.experiment_id)


def filter_by_tags(tags: Mapping[str, str]) -> str:
    """Return the search filter for what bears all of these tags.

    >>> filter_by_tags({"perennial.version": "3"})
    "tags.`perennial.version` = '3'"
    """
    return " and ".join(f"tags.`{name}` = '{text}'" for name, text in tags.items())


def log_values(
    client: MlflowClient,
    run_id: str,
    metrics: Sequence[Metric],
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
) -> None:
    """Log to a run, in as many requests as MLflow's limits ask for."""
    from mlflow.entities import Param, RunTag

    settings = [Param(name, text) for name, text in to_params(params or {}).items()]
    marks = [RunTag(name, text) for name, text in to_tags(tags or {}).items()]
    # in one request MLflow takes 1,000 values, of them 100 parameters and 100 tags:
    # https://mlflow.org/docs/latest/rest-api.html#log-batch
    while metrics or settings or marks:
        client.log_batch(run_id, metrics[:800], settings[:100], marks[:100])
        metrics, settings, marks = metrics[800:], settings[100:], marks[100:]


def to_metrics(
    values: Mapping[str, float | None], at: int, step: int = 0, **of: str | None
) -> list[Metric]:
    """Return the figures that are numbers as MLflow's metrics at one moment, in milliseconds."""
    from mlflow.entities import Metric

    return [Metric(name, value, at, step, **of) for name, value in finite_metrics(values).items()]


def _is_vendors(error: Exception) -> bool:
    # requests' errors are OSErrors too, as are those of the sockets below it
    home = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError) or home in VENDORS


def _ours(uri: str, doing: str, error: Exception) -> TrackingError:
    where, text = f"MLflow at {address(uri)}", " ".join(str(error).split())
    code = getattr(error, "error_code", "")
    if code in {"UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED"}:
        remedy = "Check MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD and the allowed hosts."
        return TrackingError(where, f"it lets us in ({doing})", code, remedy)
    if any(sign in text for sign in SILENCE):
        remedy = "Look with `perennial status`, start it with `perennial up`, then try again."
        return TrackingUnavailable(where, f"it answers ({doing})", "no answer", remedy)
    remedy = "Look into the MLflow server's log."
    # requests puts the address into its texts as it was called, with the password
    came = bounded(text.replace(uri, address(uri)), 500)
    return TrackingError(where, f"it takes the {doing}", came, remedy)
