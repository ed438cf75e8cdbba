"""Start the Prefect server so that garbage collection cannot hold up its event loop.

A collection on the loop's thread may clear a cursor whose connection another thread is using.
It then waits for that connection, which waits up to a minute for SQLite's write lock, which a
request holds that only the loop could end: the whole server stands still. Collected on a thread
of its own, the cursor waits there and the loop goes on.
"""

from __future__ import annotations

import gc
import itertools
import runpy
import sys
import threading
import time

YOUNG_EVERY = 1.0  # seconds
FULL_EVERY = 60


def collect_apart() -> threading.Thread:
    """Collect the young every second and all every minute, on a thread of its own."""

    def collect() -> None:
        for count in itertools.count(1):
            time.sleep(YOUNG_EVERY)
            gc.collect(2 if count % FULL_EVERY == 0 else 1)

    # Only the automatic collections are off; the thread calls for its own.
    gc.disable()
    thread = threading.Thread(target=collect, name="garbage", daemon=True)
    thread.start()
    return thread


if __name__ == "__main__":
    collect_apart()
    sys.argv[0] = "prefect"
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
