"""What the prediction log costs a request, against `logging` of the same answer as JSON.

python -m tests.benchmarks.prediction_log
"""

from __future__ import annotations

import json
import logging
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.predictions.record import Record
from tasks.predictions.ship import ship_until
from tasks.predictions.spool import Spool
from tests.servers import running_s3

ANSWERS = 50_000
ROW: dict[str, Any] = {f"n{number}": number * 1.5 for number in range(12)} | {
    f"t{number}": f"text {number}" for number in range(8)
}


def microseconds(act: Callable[[int], None]) -> list[float]:
    """Return how long each call took, in order of length."""
    taken = []
    for number in range(ANSWERS):
        start = time.perf_counter()
        act(number)
        taken.append(1e6 * (time.perf_counter() - start))
    return sorted(taken)


def told(name: str, taken: list[float]) -> float:
    """Print the distribution, and return the median."""
    middle = statistics.median(taken)
    last = taken[int(0.99 * len(taken))]
    mean = statistics.fmean(taken)
    print(f"{name:8} median {middle:6.2f} us, mean {mean:6.2f} us, p99 {last:7.2f} us")
    return middle


def main() -> None:
    """Print both, their ratio, and how fast the answers reach the table."""
    with tempfile.TemporaryDirectory(prefix="pn-") as home:
        folder = Path(home)
        logger = logging.getLogger("peer")
        logger.propagate, handler = False, logging.FileHandler(folder / "peer.jsonl")
        logger.addHandler(handler)
        spool = Spool(folder / "log")

        def log(number: int) -> None:
            answer = {"id": f"{number}", "row": ROW, "value": 1, "probabilities": [0.25, 0.75]}
            logger.warning(json.dumps(answer))

        def add(number: int) -> None:
            answer = Record(3, "champion", 1.4e9, [f"{number}"], [ROW], [1], [[0.25, 0.75]])
            spool.add("bench", answer)

        peer, ours = told("logging", microseconds(log)), told("spool", microseconds(add))
        spool.close()
        handler.close()
        print(f"ratio {ours / peer:.2f}; {spool.dropped} dropped")
        stop = threading.Event()
        stop.set()
        with running_s3(folder / "s3") as s3:
            start = time.perf_counter()
            shipped = ship_until(stop, s3.settings, folder / "log", last=300)
            seconds = time.perf_counter() - start
        rate = shipped.rows / seconds
        print(f"shipped {shipped.rows:,} rows in {shipped.commits} commits, {rate:,.0f} rows/s")


if __name__ == "__main__":
    main()
