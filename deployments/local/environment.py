"""The variables that a process needs to talk to the local stack."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.local.folder import Folder, Memory
from deployments.local.ports import Ports
from tasks.project import VARIABLE as PROJECT
from tasks.settings import SIGNING, SIGNING_FILE

HOST = "127.0.0.1"
REGION = "us-east-1"
OFFLINE: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # A company's proxy must not be asked for loopback.
    "NO_PROXY": "127.0.0.1,localhost",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
# Of other servers, or of a person's own shell.
FOREIGN = ("AWS_", "MLFLOW_", "_MLFLOW_", "PREFECT_", "WEED_", "PYTHON", "S3_BUCKET")
STORE = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
# Each would win over our address and keys.
STRAY = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3")


def client(folder: Folder, memory: Memory, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return what a client of the stack needs: addresses, keys, patience, no telemetry."""
    ports = Ports.shifted(memory.offset)
    told = {
        PROJECT: memory.project,
        "PERENNIAL_PIPELINES": memory.pipelines,
        "PERENNIAL_WORKER": memory.worker,
    }
    return {
        **OFFLINE,
        "AWS_ENDPOINT_URL": f"http://{HOST}:{ports.s3}",
        "AWS_ACCESS_KEY_ID": secrets["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": secrets["AWS_SECRET_ACCESS_KEY"],
        "AWS_REGION": REGION,
        # Without it, boto3 asks a cloud's address for keys, and waits, where ours are not found.
        "AWS_EC2_METADATA_DISABLED": "true",
        "MLFLOW_TRACKING_URI": f"http://{HOST}:{ports.mlflow}",
        # By itself, MLflow's client (3.17) tries for four minutes.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
        "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
        "PREFECT_API_URL": f"http://{HOST}:{ports.prefect}/api",
        "PREFECT_HOME": str(folder.prefect),
        # Prefect's default is a pickle, which runs code of whoever can write the bucket.
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "PREFECT_CLI_PROMPT": "false",
        # Under load its SQLite says 503 for longer than the client's five tries, about a minute,
        # and a run whose state cannot be told ends Crashed.
        "PREFECT_CLIENT_MAX_RETRIES": "6",
        "PERENNIAL_HOME": str(folder.root),
        "PERENNIAL_BUCKET": memory.bucket,
        **{name: text for name, text in told.items() if text},
        SIGNING: secrets[SIGNING],
        SIGNING_FILE: str(folder.secrets),
    }


def join_environment(ours: Mapping[str, str], real: Mapping[str, str]) -> dict[str, str | None]:
    """Return what to set (None: to unset) so that what the person set wins.

    The store's address and keys go together: keys of another store never fit our address.

    >>> join_environment({"AWS_ENDPOINT_URL": "http://ours", "AWS_ACCESS_KEY_ID": "a"},
    ...        {"AWS_ACCESS_KEY_ID": "theirs", "AWS_PROFILE": "work"})
    {'AWS_ENDPOINT_URL': 'http://ours', 'AWS_ACCESS_KEY_ID': 'a', 'AWS_PROFILE': None}
    >>> join_environment({"MLFLOW_TRACKING_URI": "http://ours"}, {"MLFLOW_TRACKING_URI": "http://team"})
    {}
    """
    theirs = bool(real.get("AWS_ENDPOINT_URL"))
    changes: dict[str, str | None] = {}
    for name, value in ours.items():
        # ours would win over a key of theirs, being in a file
        if (name in STORE and theirs) or (name == SIGNING_FILE and real.get(SIGNING)):
            continue
        if name in STORE or not real.get(name):
            changes[name] = value
    if not theirs:
        changes.update({name: None for name in STRAY if name in real})
    return changes


def clean_environment(real: Mapping[str, str]) -> dict[str, str]:
    """Return `real` without what would steer a server or a flow of the stack."""
    return {name: value for name, value in real.items() if not name.startswith(FOREIGN)}
