"""Batch scoring against `mlflow.pyfunc` on pandas chunks: rows a second, and peak memory.

    python -m tests.benchmarks.batch_scoring [--rows 1_000_000 10_000_000] [--rounds 1]

Both download the same Parquet object from a real store, score it with the same 200 boosted trees
of 31 leaves, and upload a Parquet object. The peer is one process with one thread, as a script
is; ours takes the processors there are. Each measured run is a process of its own, which has
imported everything before the clock starts. That both give the same predictions is asserted.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

from tasks.config import Pipeline
from tasks.settings import Settings
from tasks.store.s3 import S3Bucket
from tasks.workspace import make_workspace
from tests.servers import running_s3
from tests.tasks.scoring.scenes import Served, served

BLOCK = 500_000
CHUNK = 131_072
FITTED = 60_000
CLOSE = 1e-5
CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "WN"]
CHILD = "import sys; from tests.benchmarks.batch_scoring import measured; measured(*sys.argv[1:])"
IMPORTED = ("flows.scoring", "tasks.scoring.score", "onnxruntime", "mlflow.pyfunc", "lightgbm")


def pipeline() -> Pipeline:
    """Return the pipeline whose champion scores."""
    return Pipeline.model_validate(
        {"name": "bench", "task": "binary", "target": "late", "event_time": "at", "key": ["id"]}
    )


def blocks(rows: int, seed: int) -> Iterator[pl.DataFrame]:
    """Yield flights as they could be, with missing values; twelve features, one an event time."""
    draw = np.random.default_rng(seed)
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        seconds = (first + np.sort(draw.integers(0, count, count))) * (3 * 365 * 86400 // rows)
        yield pl.DataFrame(
            {
                "id": pl.Series(np.arange(first, first + count)).cast(pl.String).str.zfill(10),
                "at": pl.Series(
                    np.datetime64("2013-01-01", "us") + seconds.astype("timedelta64[s]")
                ).dt.replace_time_zone("UTC"),
                "carrier": draw.choice(CARRIERS, count),
                "origin": draw.choice(["EWR", "JFK", "LGA"], count),
                "destination": draw.choice([f"D{i:02}" for i in range(100)], count),
                "distance": draw.integers(50, 5000, count),
                "temperature": np.round(draw.normal(55, 20, count), 1),
                "dew_point": np.round(draw.normal(40, 15, count), 1),
                "humidity": draw.random(count) * 100,
                "wind": draw.gamma(2, 5, count),
                "pressure": np.round(draw.normal(1013, 8, count), 1),
                "visibility": draw.integers(0, 11, count).astype(float),
                "seats": draw.integers(20, 400, count),
            }
        ).with_columns(wind=pl.when(pl.col("seats") % 10 > 0).then("wind"))


def labelled() -> pl.DataFrame:
    """Return the rows that the model is fitted on."""
    rows = pl.concat(blocks(FITTED, 1))
    noise = np.random.default_rng(2).normal(size=FITTED)
    lean = (
        pl.col("temperature") / 20
        + pl.col("wind").fill_null(0) / 10
        + pl.col("at").dt.hour() / 12
        + pl.col("carrier").is_in(["AA", "EV"])
        + pl.Series(noise)
    )
    return rows.with_columns(late=(lean > 5.0).cast(pl.Int64))


def write_rows(path: Path, rows: int) -> None:
    """Write the file to be scored; it has no target."""
    writer = None
    for block in blocks(rows, 7):
        table = block.to_arrow()
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()


def keep_peer(champion: Served, folder: Path) -> None:
    """Save the scikit-learn pipeline as MLflow does, and what its script must know."""
    import mlflow.sklearn
    from skops.io import dumps, get_untrusted_types

    steps = champion.model.pipeline_
    mlflow.sklearn.save_model(
        steps,
        str(folder / "model"),
        serialization_format="skops",
        skops_trusted_types=get_untrusted_types(data=dumps(steps)),
        pyfunc_predict_fn="predict_proba",
        pip_requirements=["scikit-learn"],
    )


def peer(settings: Settings, folder: Path, key: str) -> str:
    """Score as a script does: chunks of pandas rows through `mlflow.pyfunc`."""
    import mlflow.pyfunc

    bucket, source, target = S3Bucket(settings), folder / "peer.parquet", folder / "out.parquet"
    bucket.download(key, source)
    model = mlflow.pyfunc.load_model(str(folder.parent / "model"))
    writer = None
    for batch in pq.ParquetFile(source).iter_batches(batch_size=CHUNK):
        frame = batch.to_pandas()
        answers = model.predict(prepared(frame))
        made = frame[["id", "at"]].assign(
            prediction=answers.argmax(axis=1),
            probability_0=answers[:, 0],
            probability_1=answers[:, 1],
            model_version=1,
        )
        table = pq.core.pa.Table.from_pandas(made, preserve_index=False)
        writer = writer or pq.ParquetWriter(target, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()
    bucket.upload(target, "bench/peer.parquet")
    return "bench/peer.parquet"


def prepared(frame: pd.DataFrame) -> pd.DataFrame:
    """Prepare rows in the usual words of pandas."""
    at = frame["at"].dt
    times = {
        "at_hour": at.hour + at.minute / 60 + at.second / 3600,
        "at_weekday": at.dayofweek,
        "at_month": at.month,
        "at_day_of_year": at.dayofyear,
    }
    categories = ["carrier", "destination", "origin"]
    texts = frame[categories].fillna("__missing__")
    numbers = frame.drop(columns=["id", "at", *categories]).assign(**times).astype("float32")
    return pd.concat([numbers, texts], axis=1)


def ours(settings: Settings, folder: Path, key: str) -> str:
    """Score as the flow does."""
    from tasks.scoring.score import score_source

    def said(text: str) -> None:
        print(f"  {text}", file=sys.stderr)

    outcome = score_source(make_workspace(settings, pipeline()), key, say=said)
    return str(outcome["output"])


def measured(which: str, values: str, folder: str, key: str) -> None:
    """Run one side in this process, and print its seconds and peak megabytes."""
    for module in IMPORTED:
        __import__(module)
    found = json.loads(values)
    settings = Settings(**{**found, "home": Path(found["home"]), "pipelines": Path()})
    start, cpu = time.perf_counter(), time.process_time()
    output = {"ours": ours, "pyfunc": peer}[which](settings, Path(folder), key)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "output": output}))


def child(which: str, settings: Settings, folder: Path, key: str) -> dict[str, Any]:
    """Run one side in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        said = json.dumps({name: str(value) for name, value in asdict(settings).items()})
        done = subprocess.run(
            [sys.executable, "-c", CHILD, which, said, work, key],
            stdout=subprocess.PIPE,
            check=True,
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compared(settings: Settings, outputs: list[str], rows: int) -> float:
    """Return the largest difference between the two sides' probabilities."""
    bucket = S3Bucket(settings)
    first, second = (
        pq.read_table(io.BytesIO(bucket.get(key)), columns=["id", "probability_1"])
        for key in outputs
    )
    assert first.num_rows == second.num_rows == rows
    assert first["id"].cast("string").equals(second["id"].cast("string"))
    left, right = (each["probability_1"].to_numpy() for each in (first, second))
    return float(np.abs(left - right).max())


def compare(settings: Settings, folder: Path, rows: int, rounds: int) -> None:
    """Score so many rows both ways and print the figures."""
    key, path = f"bench/in/{rows}.parquet", folder / "rows.parquet"
    write_rows(path, rows)
    S3Bucket(settings).upload(path, key)
    path.unlink()
    runs: dict[str, list[dict[str, Any]]] = {"pyfunc": [], "ours": []}
    for _ in range(rounds):
        for which, all_ in runs.items():
            all_.append(child(which, settings, folder, key))
    speeds = {}
    for which, all_ in runs.items():
        seconds = statistics.median(run["seconds"] for run in all_)
        cpu = statistics.median(run["cpu"] for run in all_)
        speeds[which] = rows / seconds
        print(
            f"{rows:>12,} rows  {which:6}  {seconds:7.1f} s  {rows / seconds:9,.0f} rows/s  "
            f"{cpu / rows * 1e6:5.2f} CPU µs a row  {max(run['peak'] for run in all_):6,.0f} MB"
        )
    apart = compared(settings, [all_[-1]["output"] for all_ in runs.values()], rows)
    assert apart < CLOSE, apart
    ratio = speeds["ours"] / speeds["pyfunc"]
    print(f"{'':12}       ratio {ratio:.1f} (at least 2); largest difference {apart:.0e}")


def main() -> None:
    """Print rows a second, the ratio and peak memory, for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    number = lambda text: int(text.replace("_", ""))  # noqa: E731
    parser.add_argument("--rows", type=number, nargs="+", default=[10**6, 10**7])
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    os.environ.setdefault("MLFLOW_TRACKING_URI", "file:///nowhere")
    with tempfile.TemporaryDirectory(prefix="pn-") as name, running_s3(Path(name) / "s3") as server:
        settings = replace(server.settings, home=Path(name) / "home")
        champion = served(settings, S3Bucket(settings), pipeline(), labelled().to_arrow())
        keep_peer(champion, Path(name))
        for rows in given.rows:
            compare(settings, Path(name), rows, given.rounds)


if __name__ == "__main__":
    main()
