from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import threading, time
from deployments.local import prefect_serve

prefect_serve.YOUNG_EVERY = 0.05
prefect_serve.collect_apart()

class Cycle:
    def __init__(self):
        self.own = self
    def __del__(self):
        print(threading.current_thread().name, flush=True)

Cycle()
kept = [[] for _ in range(200_000)]
time.sleep(1)
"""


def test_garbage_is_collected_on_a_thread_of_its_own_however_much_is_made() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "garbage\n"
