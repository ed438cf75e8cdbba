from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import threading
from deployments.local import serve_prefect

serve_prefect.YOUNG_EVERY = 0.05
serve_prefect.collect_apart()

class Cycle:
    def __init__(self):
        self.own = self
    def __del__(self):
        print(threading.current_thread().name, flush=True)
        collected.set()

collected = threading.Event()
Cycle()
kept = [[] for _ in range(200_000)]
assert collected.wait(30)
"""


def test_garbage_is_collected_on_a_thread_of_its_own_however_much_is_made() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "garbage\n"


ZONES = """
import sys
from deployments.local import serve_prefect

if sys.argv[1:]:
    serve_prefect.remember_zones()

from prefect.server.schemas.schedules import CronSchedule

listed = []
sys.addaudithook(lambda event, _: listed.append(event) if event == "os.scandir" else None)
CronSchedule(cron="0 6 1 * *", timezone="Europe/Rome")
print(len(listed))
"""


def test_the_zones_are_listed_once_however_many_schedules_there_are() -> None:
    def listings(*remembered: str) -> int:
        command = [sys.executable, "-c", ZONES, *remembered]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return int(done.stdout)

    assert listings() > 0  # or Prefect lists them once itself, and ours can go
    assert listings("remembered") == 0
