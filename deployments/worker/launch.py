"""Stand where Prefect's process worker looks for a run's process, and have the run forked.

Started as `python -I -S launch.py SOCKET`, with nothing but the standard library: 0.02 s. It hands
its directory and its environment to the worker, passes SIGTERM on, and ends as the run ended. Where
the worker cannot fork, it becomes Prefect's engine itself, as it would have been without.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import NoReturn


def main(address: str) -> None:
    """Launch one run, and end with its status."""
    with socket.socket(socket.AF_UNIX) as channel, channel.makefile("rb") as answers:
        pid = 0
        with suppress(OSError):
            channel.connect(address)
            channel.sendall(json.dumps([os.getcwd(), {**os.environ}]).encode() + b"\n")  # noqa: PTH109 (pathlib is slow to import)
            # Told at once, and the end later: SIGTERM is passed on while the run goes on.
            pid = int(answers.readline() or 0)
        if not pid:
            os.execv(sys.executable, (sys.executable, "-m", "prefect.engine"))  # noqa: S606
        signal.signal(signal.SIGTERM, lambda *_: _ask_to_end(pid))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a terminal, it is for the worker
        status = answers.readline()
    if status:
        _end_as(int(status))
    while _lives(pid):  # the worker was killed, the run goes on
        time.sleep(0.2)
    sys.exit(1)


def _ask_to_end(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGTERM)
    except ProcessLookupError:  # it leads no group yet
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _end_as(status: int) -> NoReturn:
    # By the same signal: Prefect tells each in words of its own (-9: perhaps out of memory).
    if status < 0:
        with suppress(OSError):  # nobody handles SIGKILL
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1])
