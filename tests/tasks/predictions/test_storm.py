"""Workers and shippers die again and again; every answer that reached a disk lands once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.servers import S3, clean_environment, poll, variables
from tests.tasks.predictions.log import asked, said, worker
from tests.tasks.predictions.shipping import landed, ship_once, waiting

pytestmark = pytest.mark.system
ROUNDS = 12
SHIPPER = """
import sys, threading
from pathlib import Path
from tasks.predictions.ship import ship_until
from tasks.settings import Settings
ship_until(threading.Event(), Settings.from_environment(), Path(sys.argv[1]), every=0.1)
"""


@dataclass
class Worker:
    """A process that logs numbers from `first` on, and those known to be on disk."""

    process: subprocess.Popen[str]
    first: int
    written: int = 0
    dropped: int = 0
    heard: threading.Event = field(default_factory=threading.Event)
    reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.written = self.first
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        while True:
            try:
                told = said(self.process)
            except ValueError:  # its end
                return
            self.heard.set()
            self.dropped = told.get("dropped", 0)
            last = told["added"] if "dropped" in told else 0
            self.written = max(self.written, told.get("written", 0), last)

    def end(self, signum: int) -> None:
        """End it by this signal once it logs, and hear what it said."""
        assert self.heard.wait(30)
        self.process.send_signal(signum)
        assert self.process.wait(30) == (-signum if signum == signal.SIGKILL else 0)
        self.reader.join(30)


def test_a_storm_of_deaths_loses_and_repeats_nothing(s3: S3, tmp_path: Path) -> None:
    draw, log = random.Random(5), tmp_path / "log"
    settings = replace(s3.settings, pipelines=tmp_path)
    environment = clean_environment(variables(settings))
    task = {"limits": {"seconds": 0.05}, "pipeline": "storm"}
    workers: list[Worker] = []
    with ExitStack() as stack:

        def another() -> Worker:
            first = len(workers) * 10**6
            entered = worker(log, "steadily", first=first, **task)
            workers.append(Worker(stack.enter_context(entered), first))
            return workers[-1]

        def shipper() -> subprocess.Popen[bytes]:
            process = subprocess.Popen([sys.executable, "-c", SHIPPER, str(log)], env=environment)
            stack.callback(process.kill)
            return process

        living, shipping = [another(), another()], shipper()
        for number in range(ROUNDS):
            if number % 2:
                poll(lambda: asked(log, "SELECT 1 FROM parcels"), 60, "a shipment", every=0.002)
                time.sleep(draw.uniform(0, 0.1))  # anywhere in the next shipment
                shipping.kill()
                assert shipping.wait(30) == -signal.SIGKILL
                shipping = shipper()
            else:
                time.sleep(draw.uniform(0.2, 1.0))  # the storm's own pace
                place = draw.randrange(2)
                living[place].end(draw.choice([signal.SIGKILL, signal.SIGTERM]))
                living[place] = another()
        for one in living:
            one.end(signal.SIGTERM)
        shipping.kill()
        shipping.wait(30)
    ship_once(settings, log, last=120)
    found = landed(settings, "storm")
    assert len(found) == len(set(found)) > 0
    assert waiting(log) == []
    known = {number for one in workers for number in range(one.first, one.written)}
    assert len(known) > 1000
    assert known - set(found) == set()
    assert [one.dropped for one in workers] == [0] * len(workers)
