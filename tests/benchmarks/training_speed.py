"""The training flow against a plain script that does the same work without orchestration.

    python -m tests.benchmarks.training_speed [--rounds 3]

Both read January to March of the flights from the same curated table, try the same settings on
the same folds, fit, export, judge with intervals, and fit again on everything. The plain script
keeps two files; the flow also keeps every step, tracks it in MLflow, publishes and promotes.
Each run is a process of its own, which has imported everything before the clock starts.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from deployments.demo.flights import month
from tasks.config import find_pipeline
from tasks.settings import REPOSITORY, Settings
from tasks.store.connect import open_bucket
from tasks.store.s3 import S3Bucket
from tasks.workspace import make_workspace
from tests.orchestration import running_prefect
from tests.servers import clean_environment, running_mlflow, running_s3, variables

FIXED = 3.0
CHILD = "import sys; from tests.benchmarks.training_speed import measured; measured(*sys.argv[1:])"


def plain(settings: Settings, folder: Path) -> None:
    """Train the way a script without any of the orchestration would."""
    from tasks.data.curated import curated, training_rows
    from tasks.data.reference import DatasetRef
    from tasks.dataset.dataset import build_dataset
    from tasks.dataset.split import forward_folds
    from tasks.evaluation.baselines import baselines
    from tasks.evaluation.evaluate import evaluate
    from tasks.features.prepare import prepared_columns
    from tasks.models.families import FAMILIES
    from tasks.models.runtime import OnnxModel
    from tasks.training.contender import build_contender
    from tasks.tuning.search import search_settings

    pipeline = find_pipeline("flights", settings.pipelines)
    table = curated(open_bucket(settings), "flights")
    version = table.version()
    assert version is not None
    ref = DatasetRef("flights", version)
    data = build_dataset(training_rows(table, ref, pipeline.event_time, key=pipeline.key), pipeline)
    fit, held = data.split.training, data.split.holdout
    tuning = search_settings(
        data.prepared[fit].reset_index(drop=True),
        data.y[fit],
        forward_folds(data.times[fit], pipeline.training.folds),
        task=pipeline.task,
        metric=pipeline.metric,
        families={name: FAMILIES[name] for name in pipeline.families},
        columns=prepared_columns(data.schema),
        trials=pipeline.training.trials,
        seconds=pipeline.training.seconds,
        seed=pipeline.training.seed,
    )
    for name, rows in (("first", fit), ("final", np.ones(len(data.y), dtype=bool))):
        prepared, y, times = data.prepared[rows], data.y[rows], data.times[rows]
        made = build_contender(tuning.chosen, pipeline, data.schema, prepared, y, times)
        (folder / f"{name}.onnx").write_bytes(made.model)
        if name == "first":
            naive = baselines(data.y[fit], data.y[held], task="binary", classes=2,
                              training_times=data.times[fit], times=data.times[held])  # fmt: skip
            answers = np.asarray(OnnxModel(made.model).predict(data.prepared[held]))
            evaluate(data.y[held], answers, task="binary", metric=pipeline.metric, baselines=naive,
                     slices=data.frame[held][list(pipeline.gate.slices)], seed=7)  # fmt: skip


def flow() -> None:
    """Train by the flow, on the Prefect server of the environment."""
    from flows.training import train

    outcome = train("flights", cause="benchmark")
    assert outcome["outcome"] in ("promoted", "refused"), outcome


def measured(which: str, folder: str) -> None:
    """Run one side in this process, and print its seconds and peak megabytes."""
    for module in IMPORTED:
        importlib.import_module(module)
    start = time.perf_counter()
    if which == "flow":
        flow()
    else:
        plain(Settings.from_environment(), Path(folder))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak": peak}))


def pipelines(folder: Path, seed: int) -> None:
    """Write the flights' file with trials that always run to their end, under another seed."""
    text = (REPOSITORY / "deployments" / "pipelines" / "flights.yaml").read_text()
    lines = [
        f"  {key}: {value}" if (key := line.split(":")[0].strip()) in STEADY else line
        for line in text.splitlines()
        for value in [STEADY.get(line.split(":")[0].strip(), "")]
    ]
    changed = "\n".join(lines).replace("seed: 7", f"seed: {seed}")
    folder.mkdir(exist_ok=True)
    (folder / "flights.yaml").write_text(changed)


IMPORTED = (
    "flows.training",
    "matplotlib.figure",
    "mlflow.onnx",
    "onnxruntime",
    "optuna",
    "sklearn.ensemble",
)
QUIET = {"PREFECT_LOGGING_LEVEL": "WARNING", "PYTHONPATH": str(REPOSITORY)}
STEADY = {"trials": "2", "timeout": "10m"}


def prepared(settings: Settings, folder: Path) -> None:
    """Ingest January to March."""
    from tasks.ingestion.land import land
    from tasks.ingestion.rows import open_rows

    pipeline, bucket = find_pipeline("flights", settings.pipelines), S3Bucket(settings)
    for number in (1, 2, 3):
        key = f"flights/incoming/{number}.csv"
        bucket.upload(month(number, folder), key)
        land(open_rows(make_workspace(settings, pipeline)), key, lambda _: None)


def child(which: str, environment: dict[str, str], folder: Path) -> dict[str, float]:
    """Run one side in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, which, str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print medians, the ratio beyond the fixed seconds, and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    runs: dict[str, list[dict[str, float]]] = {"plain": [], "flow": []}
    with tempfile.TemporaryDirectory(prefix="pn-") as name:
        folder = Path(name)
        with (
            running_s3(folder / "s3") as s3,
            running_mlflow(folder / "mlflow", s3) as tracking,
            running_prefect(folder / "prefect") as prefect,
        ):
            settings = replace(
                s3.settings,
                mlflow_uri=tracking.uri,
                prefect_url=prefect.settings.prefect_url,
                pipelines=folder / "pipelines",
                home=folder / "home",
            )
            environment = clean_environment({**variables(settings), **QUIET})
            environment["PREFECT_HOME"] = str(settings.home / "prefect")
            os.environ.update(environment)
            pipelines(settings.pipelines, 7)
            prepared(settings, folder)
            for seed in range(rounds):
                pipelines(settings.pipelines, seed)
                for which, all_ in runs.items():
                    all_.append(child(which, environment, folder))
    medians = {
        which: statistics.median(run["seconds"] for run in all_) for which, all_ in runs.items()
    }
    for which, all_ in runs.items():
        peak = max(run["peak"] for run in all_)
        print(f"{which:5} {medians[which]:7.2f} s  {peak:7.0f} MB")
    ratio = (medians["flow"] - FIXED) / medians["plain"]
    print(f"ratio beyond {FIXED:.0f} s {ratio:.2f} (at most 1.25)")


if __name__ == "__main__":
    main()
