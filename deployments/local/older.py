"""Whether what runs was started by an older release, whose servers ask nobody for a password."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from deployments.local import secrets
from deployments.local.folder import Folder, recall
from deployments.local.processes import GONE, find_running
from deployments.local.programs import programs

# A home of 0.1 has none of these.
NEWER = (
    *("PERENNIAL_MLFLOW_OWNER", "PERENNIAL_MLFLOW_VIEWER", "PREFECT_SERVER_API_AUTH_STRING"),
    *("MLFLOW_TRACKING_PASSWORD", "PREFECT_API_AUTH_STRING"),
)


def runs_without_keys(folder: Folder) -> bool:
    """Say whether a program runs without the keys that it would be started with now.

    Raises:
        StackError: the file of secrets is not as it should be.
    """
    keys = secrets.with_blanks(secrets.read(folder.secrets) or {})
    for name, program in programs(folder, recall(folder), keys).items():
        process = find_running(folder, name)
        with suppress(*GONE):
            if process is not None and lacks_keys(program.environment, process.environ()):
                return True
    return False


def lacks_keys(wanted: Mapping[str, str], has: Mapping[str, str]) -> bool:
    """Say whether a program's environment has not the keys that it is to have.

    >>> lacks_keys({"PREFECT_API_AUTH_STRING": "a:b"}, {"PREFECT_API_AUTH_STRING": "a:b"})
    False
    >>> lacks_keys({"PREFECT_API_AUTH_STRING": "a:b"}, {})
    True
    """
    # Empty: the keys themselves are not generated yet.
    mine = {name: text for name, text in wanted.items() if name in NEWER}
    return any(not text or has.get(name) != text for name, text in mine.items())
