"""A worker's figures on a disk that somebody else fills; run as a module, with a folder on it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

COUNT = 3_000


def fill(folder: Path) -> None:
    """Leave no byte free."""
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def main() -> None:
    """Count answers, before or after the disk is full, and say what is told of them."""
    folder, when = Path(sys.argv[1]), sys.argv[2]
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    if when == "full from the start":
        fill(folder)
    from deployments.serving.freshness import Watching
    from deployments.serving.metrics import Metrics, exposition
    from deployments.serving.rounds import Rounds
    from tasks.predictions.ship import Shipped
    from tasks.settings import Settings
    from tasks.signatures import Keyring

    metrics = Metrics()
    metrics.answered("first", "predict", 200, 0.001)
    if when == "full later":
        fill(folder)
    for number in range(COUNT):
        metrics.answered(f"pipeline-{number}", "predict", 200, 0.001)
    metrics.answered("first", "predict", 200, 0.001)
    watching = Watching(Settings("", "", "", Keyring("a key")))
    told = exposition(Shipped(), watching, Rounds())
    body = b"".join(told({"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics"}, lambda *_: None))
    # nothing under a file's name is cut: what was counted before is told
    wanted = b'perennial_requests_total{pipeline="first",route="predict",status="200"} 1.0'
    print("told" if wanted in body else "untold", "answered", COUNT + 2)


if __name__ == "__main__":
    main()
