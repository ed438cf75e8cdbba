"""Which worker runs the flows, and what a run of it gets."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from tasks.errors import ConfigurationError
from tasks.settings import EARLIER, RETIRED, SIGNING, SIGNING_FILE

POOL = "perennial"  # the work pool of our deployments, which our worker serves
WARM = "perennial-warm"
RUN_NAME = "perennial-run"  # of a forked run, whose first environment is the worker's
ORDER = "PERENNIAL_PRELOAD"  # the variable that tells the forkserver what to import
COLD = "perennial-process"  # Prefect knows a worker "process", which lets a run bring what it likes
TYPES = {"warm": WARM, "process": COLD}
OF_STORE = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
KEYS = (*OF_STORE, SIGNING, SIGNING_FILE, EARLIER, RETIRED)
OF_MLFLOW = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
# What these flows do, MLflow is not told.
UNTRACKED = tuple(
    f"flows.{flow}." for flow in ("collecting", "ingestion", "labelling", "monitoring", "scoring")
)


def worker_type(told: str, platform: str = sys.platform) -> str:
    """Return the type of the worker and of a new work pool, from what `PERENNIAL_WORKER` says.

    Raises:
        ConfigurationError: it is neither `warm` nor `process`, nor empty.

    >>> worker_type("", "linux"), worker_type("", "darwin"), worker_type("process", "linux")
    ('perennial-warm', 'perennial-process', 'perennial-process')
    """
    # The two types share one job template: either worker serves a pool of either type, so a pool
    # is never deleted, with which its deployments and scheduled runs would go.
    # Only Linux forks safely after libraries were loaded: macOS's own frameworks abort in a child.
    known = told or ("warm" if platform == "linux" else "process")
    if known not in TYPES:
        raise ConfigurationError("PERENNIAL_WORKER", "it is warm or process", told, "Choose one.")
    return TYPES[known]


def chosen_worker() -> str:
    """Return the type of the worker that this process's environment chose.

    Raises:
        ConfigurationError: `PERENNIAL_WORKER` is neither `warm` nor `process`, nor empty.
    """
    return worker_type(os.environ.get("PERENNIAL_WORKER", ""))


def job_template() -> dict[str, Any]:
    """Return the template of our work pool: it takes no variable from anybody."""
    # Prefect (3.8) refuses a configuration that says nothing.
    configuration = {"stream_output": True}
    return {"job_configuration": configuration, "variables": {"type": "object", "properties": {}}}


def find_overrides(brought: Mapping[str, Any], engine: str) -> tuple[str, ...]:
    """Return the names of what a run or its deployment brings, and may not.

    >>> find_overrides({"env": {"A": "1"}, "command": "sh -c id"}, "python -m prefect.engine")
    ('command', 'env')
    >>> find_overrides({"command": "python -m prefect.engine"}, "python -m prefect.engine")
    ()
    """
    # Deployments of an older release name the command that is ours anyway.
    return tuple(sorted(name for name in brought if (name, brought[name]) != ("command", engine)))


def withheld(entrypoint: str | None) -> tuple[str, ...]:
    """Return the names of the keys that a run does not get, by the flow that it is.

    >>> withheld("flows.training.train"), withheld("flows.ingestion.ingest") == OF_MLFLOW
    ((), True)
    >>> withheld("somebody.flow") == withheld(None) == (*KEYS, *OF_MLFLOW)
    True
    """
    if entrypoint is None or not entrypoint.startswith("flows."):
        return (*KEYS, *OF_MLFLOW)
    return OF_MLFLOW if entrypoint.startswith(UNTRACKED) else ()
