"""How the MLflow tracking server is started: its command line and its environment."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServerSettings:
    """Where the server listens and where it keeps what it is told.

    `state` is the folder of the SQLite file; `names` are the host names people reach it by.
    """

    state: Path
    bucket: str
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
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(f"http://{host}" for host in hosts),
        # On by default, it costs 11 s of start and 500 MB (3.17).
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": model_sources(settings.bucket),
    }


def model_sources(bucket: str) -> str:
    """Return the pattern of the sources a registered model may come from.

    >>> bool(re.search(model_sources("perennial"), "s3://attacker/model"))
    False
    """
    # MLflow itself takes any address: a client could register a model from a stranger's bucket.
    ours = rf"(?:mlflow-artifacts:/|models:/|runs:/|s3://{re.escape(bucket)}/)"
    # No `..`, also not as %2e, and no query: they would lead out of what the prefix allows.
    return rf"\A{ours}(?!/)(?!.*(?:\.\.|%|\\|\?|#))[^\s]+\Z"
