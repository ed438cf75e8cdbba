"""Goodput and latency of the prediction API at and beyond its capacity.

    python -m tests.benchmarks.overload [--seconds 8]

One worker, requests of 100 rows of 20 fields. Its capacity is what eight connections get that ask
without a pause; then 600 connections together ask for once, twice and four times as much.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import urllib.request
from pathlib import Path

import numpy as np

from tasks.store.s3 import S3Bucket
from tests.load import post, run_load
from tests.served import champion
from tests.servers import answers, poll, running_s3, running_serving

CONNECTIONS = 600
ROWS = 100
TIMES = (1, 2, 4)


def load_figure(port: int) -> float:
    """Return what the metrics say of the busiest worker."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        found = re.search(rb"^perennial_load\S* (\S+)", answer.read(), re.MULTILINE)
    return float(found[1]) if found else float("nan")


def main() -> None:
    """Print a line for each times of the capacity."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="pn-") as name:
        folder = Path(name).resolve()
        with running_s3(folder / "s3") as s3:
            made = champion(S3Bucket(s3.settings), s3.settings.keyring)
            body = json.dumps({"rows": made.rows(ROWS)}).encode()
            request = post("/v1/flights/predict", body)
            with running_serving(s3.settings, folder / "serving.log", 1) as api:
                poll(lambda: answers(f"http://127.0.0.1:{api.port}/flights/ping"), 60, "a model")
                run_load(api.port, request, connections=8, seconds=1)
                alone = run_load(api.port, request, connections=8, seconds=seconds)
                print(f"capacity: {alone.rate:,.0f} requests a second of {ROWS} rows")
                heads = ("sent/s", "good/s", "503/s", "p50 ms", "p99 ms")
                print(" asked" + "".join(f"{head:>9}" for head in heads) + "   load")
                for times in TIMES:
                    pause = CONNECTIONS / (times * alone.rate)
                    found = run_load(
                        api.port,
                        request,
                        connections=CONNECTIONS,
                        seconds=seconds + pause,
                        pause=pause,
                        spread=True,
                    )
                    good, refused = len(found.admitted), found.statuses[503]
                    middle, last = np.quantile(found.admitted, (0.5, 0.99)) * 1000
                    print(
                        f"{times:5d}x{found.rate:9,.0f}{good / found.taken:9,.0f}"
                        f"{refused / found.taken:9,.0f}{middle:9.0f}{last:9.0f}"
                        f"{load_figure(api.metrics_port):7.2f}"
                    )


if __name__ == "__main__":
    main()
