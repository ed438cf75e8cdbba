"""What only this system's kernel does: end with a parent, and bear a name."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
SET_NAME = 15  # PR_SET_NAME


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
    # The parent may have ended before the call, and then the kernel sends nothing any more.
    if os.getppid() != parent:
        os._exit(0)


def bear(name: str) -> None:
    """Take a name of at most 15 characters, as `ps` and `top` show it; forked children keep it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_NAME, name.encode())
