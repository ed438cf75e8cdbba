"""Single-row predictions over HTTP, beside `mlflow models serve` with the same model and rows.

    python -m tests.benchmarks.serving [--seconds 8]

Both have two processes and eight connections. The model is LightGBM with 200 trees behind its
encoders; a row has 20 fields. MLflow gets the trees alone and the row already encoded, which is
less work than ours.
The in-process path is from the bytes of a request to the bytes of its answer, without the socket.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.serving.predicting import Predicted
from deployments.serving.routes import Finder, Found
from tasks.serving.fleet import Fleet
from tasks.signatures import Keyring
from tasks.store.s3 import S3Bucket
from tests.buckets import local
from tests.load import Load, post, run_load
from tests.served import Fitted, champion, unlogged
from tests.servers import answers, clean_environment, poll, running_s3, running_serving

CONNECTIONS = 8
WORKERS = 2
ROUNDS = 20_000
KEY = Keyring("a key")


def in_process(made: Fitted, body: bytes) -> float:
    """Return the median seconds from a request's bytes to its answer's."""
    bucket = local()
    champion(bucket, KEY)
    fleet = Fleet(bucket, KEY)
    fleet.look(0)
    predicting, found = unlogged(fleet), Finder().find("POST", "/v1/flights/predict")
    assert isinstance(found, Found)
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        predicted = predicting.predict(found, body)
        assert isinstance(predicted, Predicted)
        predicted.written()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


@contextmanager
def mlflow_serving(made: Fitted, folder: Path) -> Iterator[int]:
    """Run `mlflow models serve` on the same trees; yield its port."""
    import mlflow.lightgbm

    model = folder / "model"
    trees = made.model.pipeline_.named_steps["model"].booster_
    mlflow.lightgbm.save_model(trees, str(model), pip_requirements=["lightgbm"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = (sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model))
    options = ("--env-manager", "local", "--workers", str(WORKERS), "-p", str(port))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *options],
            env=clean_environment({"PATH": path}),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            poll(lambda: answers(f"http://127.0.0.1:{port}/ping"), 120, "mlflow models serve")
            yield port
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def asked(port: int, path: str, body: bytes, seconds: float) -> Load:
    """Return what the load brought, after a second of warming up."""
    request = post(path, body)
    run_load(port, request, connections=CONNECTIONS, seconds=1)
    found = run_load(port, request, connections=CONNECTIONS, seconds=seconds)
    assert set(found.statuses) == {200}, found.statuses
    assert not found.failures, found.failures[:3]
    return found


def main() -> None:
    """Print each figure beside its peer and its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="pn-") as name:
        folder = Path(name).resolve()
        with running_s3(folder / "s3") as s3:
            made = champion(S3Bucket(s3.settings), s3.settings.keyring)
            body = json.dumps({"rows": made.rows(1)}).encode()
            with running_serving(s3.settings, folder / "serving.log", WORKERS) as api:
                ready = f"http://127.0.0.1:{api.port}/flights/ping"
                poll(lambda: all(answers(ready) for _ in range(12)), 60, "a champion")
                ours = asked(api.port, "/v1/flights/predict", body, seconds)
        row = made.model.pipeline_[:-1].transform(made.prepared.head(1))
        columns = [f"c{place}" for place in range(row.shape[1])]
        split = {"dataframe_split": {"columns": columns, "data": row.tolist()}}
        with mlflow_serving(made, folder) as port:
            peer = asked(port, "/invocations", json.dumps(split).encode(), seconds)
    alone = in_process(made, body)
    print(
        f"{'':24}{'Perennial':>12}{'MLflow':>12}{'ratio':>10}\n"
        f"{'requests a second':24}{ours.rate:12,.0f}{peer.rate:12,.0f}"
        f"{ours.rate / peer.rate:9.1f}x  (goal 30x)\n"
        f"{'median, ms':24}{ours.quantile(0.5) * 1e3:12.2f}{peer.quantile(0.5) * 1e3:12.2f}"
        f"{peer.quantile(0.5) / ours.quantile(0.5):9.1f}x\n"
        f"{'99th percentile, ms':24}{ours.quantile(0.99) * 1e3:12.2f}"
        f"{peer.quantile(0.99) * 1e3:12.2f}"
        f"{peer.quantile(0.99) / ours.quantile(0.99):9.1f}x  (goal 30x)\n"
        f"without the socket: {alone * 1e6:.0f} µs a row of 20 fields (goal 60)"
    )


if __name__ == "__main__":
    main()
