"""The variables that a process needs to talk to the local stack."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.local.folder import Folder, Memory
from deployments.local.ports import Ports
from mlflow_server.users import OWNER
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
    "ORT_DISABLE_TELEMETRY": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
# Of other servers, or of a person's own shell.
FOREIGN = ("AWS_", "MLFLOW_", "_MLFLOW_", "PREFECT_", "WEED_", "PYTHON", "S3_BUCKET")
STORE = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
# The address of a server, and what it is entered with.
MLFLOW = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
PREFECT = ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING")
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
        "MLFLOW_TRACKING_USERNAME": OWNER,
        "MLFLOW_TRACKING_PASSWORD": secrets["PERENNIAL_MLFLOW_OWNER"],
        # By itself, MLflow's client (3.17) tries for four minutes.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
        "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
        "PREFECT_API_URL": f"http://{HOST}:{ports.prefect}/api",
        "PREFECT_API_AUTH_STRING": secrets["PREFECT_SERVER_API_AUTH_STRING"],
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

    A server's address and its keys go together: keys of another store never fit our address, and
    ours are for nobody else's server.

    >>> join_environment({"AWS_ENDPOINT_URL": "http://ours", "AWS_ACCESS_KEY_ID": "a"},
    ...        {"AWS_ACCESS_KEY_ID": "theirs", "AWS_PROFILE": "work"})
    {'AWS_ENDPOINT_URL': 'http://ours', 'AWS_ACCESS_KEY_ID': 'a', 'AWS_PROFILE': None}
    >>> ours = {"MLFLOW_TRACKING_URI": "http://ours", "MLFLOW_TRACKING_PASSWORD": "p"}
    >>> join_environment(ours, {"MLFLOW_TRACKING_URI": "http://team"})
    {}
    >>> join_environment(ours, {"MLFLOW_TRACKING_PASSWORD": "of the team"})
    {'MLFLOW_TRACKING_URI': 'http://ours', 'MLFLOW_TRACKING_PASSWORD': 'p'}
    """
    servers = (STORE, MLFLOW, PREFECT)
    theirs = [names for names in servers if real.get(names[0])]
    # One that named our own address before these two asked for a password meant ours; the store
    # asked for keys from the beginning.
    theirs = [names for names in theirs if names == STORE or real[names[0]] != ours.get(names[0])]
    left = {name for names in theirs for name in names}
    # ours would win over a key of theirs, being in a file
    left |= {SIGNING_FILE} if real.get(SIGNING) else set()
    paired = {name for names in servers for name in names}
    changes: dict[str, str | None] = {
        name: value
        for name, value in ours.items()
        if name not in left and (name in paired or not real.get(name))
    }
    if STORE not in theirs:
        changes.update({name: None for name in STRAY if name in real})
    return changes


def clean_environment(real: Mapping[str, str]) -> dict[str, str]:
    """Return `real` without what would steer a server or a flow of the stack."""
    return {name: value for name, value in real.items() if not name.startswith(FOREIGN)}
