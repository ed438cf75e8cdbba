"""Twenty promotions during a minute of steady load: what fails, and what the answers take.

    python -m tests.benchmarks.promotions [--seconds 60]

Eight connections ask for one row of 20 fields each; two workers answer with trees behind encoders.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tasks.store.s3 import S3Bucket
from tests.deployments.serving.storm import request_of, storm
from tests.served import champion, fitted, put_version
from tests.servers import answers, poll, running_s3, running_serving

PROMOTIONS = 20
PIPELINE = "flights"


def main() -> None:
    """Print what came of it beside what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="pn-") as name:
        folder = Path(name).resolve()
        with (
            running_s3(folder / "s3") as s3,
            running_serving(s3.settings, folder / "serving.log") as serving,
        ):
            bucket, key = S3Bucket(s3.settings), s3.settings.keyring
            made = champion(bucket, key, PIPELINE)
            versions = [
                put_version(bucket, key, fitted(trees=50 + number), PIPELINE, f"{number}")
                for number in range(PROMOTIONS)
            ]
            ready = f"http://127.0.0.1:{serving.port}/{PIPELINE}/ping"
            poll(lambda: serving.is_whole, 60, "two workers")
            poll(lambda: all(answers(ready) for _ in range(12)), 60, "a champion")
            found = storm(serving, bucket, key, request_of(made, PIPELINE), versions, seconds)
    load = found.load
    back = sum(seen != sorted(seen) for seen in load.versions)
    seen = max(len(one) for one in load.versions)
    print(
        f"{PROMOTIONS} promotions in {seconds:.0f} s, {load.rate:,.0f} requests/s (at least 500)\n"
        f"answers by status: {dict(load.statuses)}, failures: {len(load.failures)}\n"
        f"connections on which a version went back: {back}; most versions on one: {seen}\n"
        f"most models of the pipeline in one process: {max(found.held):.0f} (at most 2)\n"
        f"median {load.quantile(0.5) * 1e3:.2f} ms, 99th percentile {load.quantile(0.99) * 1e3:.2f}"
    )


if __name__ == "__main__":
    main()
