"""A worker that logs: python -m tests.tasks.predictions.writer TASK, as JSON.

It says on its output what it did, a line each.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tasks.predictions.spool import Spool
from tests.tasks.predictions.log import answer


def say(**told: Any) -> None:
    """Print a line of JSON."""
    print(json.dumps(told), flush=True)


def until_written(spool: Spool) -> None:
    """Wait until every answer is on the disk."""
    while spool.waiting_bytes:
        time.sleep(0.001)


def main() -> None:
    """Log as the task says, until told to end or killed."""
    task = json.loads(sys.argv[1])
    spool = Spool(Path(task["folder"]), **task.get("limits", {}))
    globals()[task["act"]](spool, task)


def steadily(spool: Spool, task: dict[str, Any]) -> None:
    """Log one number after the other; SIGTERM closes the log and tells how many there were."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    number = task.get("first", 0)
    while not ended:
        answer(spool, number, task.get("pipeline", "flights"))
        number += 1
        if number % 200 == 100:
            say(added=number)
        if number % 200 == 0:
            until_written(spool)
            say(written=number)
        time.sleep(0.0005)  # the log's own pace
    spool.close()
    say(added=number, dropped=spool.dropped, waiting=spool.waiting_bytes)


def against_a_full_disk(spool: Spool, task: dict[str, Any]) -> None:
    """Log while no file may grow beyond so many bytes, then once it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (task["bytes"], hard))
    number = 0
    while spool.failures == 0 or (task["until_dropped"] and spool.dropped == 0):
        answer(spool, number, size=task["size"])
        number += 1
        time.sleep(0.001)  # the log's own pace
    say(added=number, dropped=spool.dropped, error=spool.error, waiting=spool.waiting_bytes)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    until_written(spool)
    answer(spool, number)
    spool.close()
    say(added=number + 1, dropped=spool.dropped, waiting=spool.waiting_bytes)


def torn(spool: Spool, task: dict[str, Any]) -> None:
    """Let the kernel kill this process in the middle of a write."""
    for number in range(10):
        answer(spool, number)
    until_written(spool)
    say(written=10)
    # Python ignores this signal: a write beyond the limit would only fail.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (task["bytes"], task["bytes"]))
    answer(spool, 10, size=task["bytes"])
    time.sleep(60)  # until it is killed; with an end, should the write pass


if __name__ == "__main__":
    main()
