"""Jobs that behave in certain ways."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tasks.errors import DataError


def double(number: int) -> int:
    return 2 * number


def wait_for(path: str) -> str:
    """Wait until the file is there, and leave word that this began."""
    Path(f"{path}.{os.getpid()}").touch()
    while not Path(path).exists():
        time.sleep(0.01)
    return path


def die(_: int) -> None:
    """Kill the process that this runs in."""
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(number: int) -> None:
    """Fail as a partition may that cannot be read."""
    raise DataError(f"partition {number}", "it can be read", "noise", "Send it again.")


def break_down(number: int) -> None:
    """Fail in a way that nobody foresaw."""
    raise ZeroDivisionError(f"partition {number}")
