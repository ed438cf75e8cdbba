"""How the MLflow tracking server is started: its command line and its environment."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from mlflow_server.users import OWNER, VIEWER

ORIGINS = "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"
# The variables that tell the server its users' passwords.
PASSWORDS = ((OWNER, "PERENNIAL_MLFLOW_OWNER"), (VIEWER, "PERENNIAL_MLFLOW_VIEWER"))


@dataclass(frozen=True)
class ServerSettings:
    """Where the server listens and where it keeps what it is told.

    `state` is the folder of the SQLite file; `names` are the host names people reach it by;
    `owner` and `viewer` are the passwords of who may change what it holds, and of who may read it.
    """

    state: Path
    bucket: str
    owner: str = field(repr=False)
    viewer: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 5000
    names: tuple[str, ...] = ("127.0.0.1", "localhost")


def command(settings: ServerSettings) -> tuple[str, ...]:
    """Return the command line of one server process that hands artifacts through."""
    return (
        *(sys.executable, "-m", "mlflow_server.serve"),
        *("--host", settings.host, "--port", str(settings.port)),
        *("--backend-store-uri", f"sqlite:///{settings.state / 'mlflow.db'}"),
        *("--artifacts-destination", f"s3://{settings.bucket}/mlflow"),
    )


def environment(settings: ServerSettings) -> dict[str, str]:
    """Return the variables of the server; the store's address and keys come on top."""
    hosts = [f"{name}:{settings.port}" for name in settings.names]
    return {
        # Exact names: MLflow's default globs (3.17) let `10.evil.example` pass.
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(hosts),
        ORIGINS: ",".join(f"http://{host}" for host in hosts),
        # On by default, it costs 11 s of start and 500 MB (3.17).
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        **dict(
            zip((given for _, given in PASSWORDS), (settings.owner, settings.viewer), strict=True)
        ),
        "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": model_sources(settings.bucket),
    }


def model_sources(bucket: str) -> str:
    """Return the pattern of the sources a registered model may come from.

    >>> pattern = re.compile(model_sources("perennial"))
    >>> bool(pattern.search("s3://perennial/mlflow/1")), bool(pattern.search("s3://attacker/model"))
    (True, False)
    """
    # MLflow itself takes any address, and hands out what lies there with the server's own keys:
    # any object of the bucket, the pipelines' rows included.
    ours = rf"(?:mlflow-artifacts:/|models:/|runs:/|s3://{re.escape(bucket)}/mlflow/)"
    # No `..`, also not as %2e, and no query: they would lead out of what the prefix allows.
    return rf"\A{ours}(?!/)(?!.*(?:\.\.|%|\\|\?|#))[^\s]+\Z"
