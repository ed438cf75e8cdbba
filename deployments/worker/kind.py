"""Which worker runs the flows, and which runs the warm one can fork."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping

from tasks.errors import ConfigurationError

POOL = "perennial"  # the work pool of our deployments, which our worker serves
WARM = "perennial-warm"
RUN_NAME = "perennial-run"  # of a forked run, whose first environment is the worker's
ORDER = "PERENNIAL_PRELOAD"  # the variable that tells the forkserver what to import
TYPES = {"warm": WARM, "process": "process"}
# Beginnings of names: the forkserver read these when it imported, and a child cannot read again.
READ_AT_IMPORT = (
    *("PYTHON", "LD_", "OMP_", "OPENBLAS_", "MKL_", "MPL", "GX_", "DO_NOT_TRACK"),
    *("PREFECT_FLOWS_DEFAULT", "PREFECT_TASKS_DEFAULT", "PREFECT_RESULTS_"),
)


def worker_type(told: str, platform: str = sys.platform) -> str:
    """Return the type of the worker and of a new work pool, from what `PERENNIAL_WORKER` says.

    Raises:
        ConfigurationError: it is neither `warm` nor `process`, nor empty.

    >>> worker_type("", "linux"), worker_type("", "darwin"), worker_type("process", "linux")
    ('perennial-warm', 'process', 'process')
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


def cold_because(
    command: str | None, entrypoint: str | None, job: Mapping[str, str], ours: Mapping[str, str]
) -> str:
    """Say why a run needs a process of its own from the start; '' when a fork will do.

    `entrypoint` is None where the code is fetched first; `job` holds the run's variables, `ours`
    those that the forkserver imported its libraries with.

    >>> cold_because(None, "flows.training.train", {"A": "1"}, {})
    ''
    >>> cold_because("python3 train.py", "flows.training.train", {}, {})
    'it has a command of its own'
    >>> cold_because(None, "train.py:train", {}, {})
    'its code is not a module'
    >>> cold_because(None, "flows.training.train", {"OMP_NUM_THREADS": "1"}, {})
    'it sets OMP_NUM_THREADS, which is read at import'
    """
    # A fork is a copy of this interpreter: what `engine_command` wrote for it will do.
    if command is not None and shlex.split(command) != [sys.executable, "-m", "prefect.engine"]:
        return "it has a command of its own"
    if entrypoint is None or ":" in entrypoint:
        return "its code is not a module"
    for name in sorted(job.keys() | ours.keys()):
        if name.startswith(READ_AT_IMPORT) and job.get(name) != ours.get(name):
            return f"it sets {name}, which is read at import"
    return ""
