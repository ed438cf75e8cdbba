"""Flows that show how a run is started, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from prefect import flow, get_run_logger


def note(folder: str, name: str, **facts: object) -> None:
    """Leave facts for the test, whole or not at all."""
    partial = Path(folder, f".{name}")
    partial.write_text(json.dumps(facts))
    partial.rename(Path(folder, name))


@flow(name="tell")
def tell(folder: str, name: str = "told") -> None:
    """Leave what this process is like at the flow's first line."""
    import random

    now, cpu = time.time(), time.process_time()
    get_run_logger().info("first line")
    note(
        folder,
        name,
        now=now,
        cpu=cpu,
        pid=os.getpid(),
        group=os.getpgrp(),
        directory=str(Path.cwd()),
        argv=sys.argv,
        main=sys.modules["__main__"].__spec__ is not None,
        random=random.random(),
        preloaded="lightgbm" in sys.modules,
        has_keys="AWS_SECRET_ACCESS_KEY" in os.environ,
        word=os.environ.get("PERENNIAL_TEST_WORD"),
        interrupt=signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    )


@flow(name="recite")
def recite(folder: str, name: str) -> None:
    """Leave what a module says that changes between two runs, and whether this one was forked."""
    import spoken  # type: ignore[import-not-found]

    forked = "deployments.worker.preload" in "".join(psutil.Process().cmdline())
    note(folder, name, answer=spoken.ANSWER, forked=forked)


@flow(name="linger")
def linger(folder: str, seconds: float = 600) -> None:
    """Wait, and have a child that waits, too."""
    with subprocess.Popen(["sleep", str(seconds)]) as child:
        note(folder, "lingers", pid=os.getpid(), child=child.pid)
    note(folder, "lingered")


@flow(name="vanish")
def vanish(how: str) -> None:
    """End as no flow should."""
    if how == "exit":
        os._exit(9)
    os.kill(os.getpid(), signal.SIGKILL)


@flow(name="meet")
def meet(folder: str, mine: str, other: str) -> None:
    """Wait for another run that waits for this one."""
    note(folder, mine)
    end = time.monotonic() + 90
    while not Path(folder, other).exists():
        if time.monotonic() > end:
            raise TimeoutError(other)
        time.sleep(0.05)


@flow(name="learn")
def learn(folder: str, endpoint: str) -> None:
    """Use the libraries whose threads do not survive a fork."""
    import boto3
    import lightgbm
    import numpy as np
    import polars as pl
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    table = random.random((5000, 4))
    target = table @ table.T @ np.ones(5000) > 5000
    model = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=2, verbose=-1).fit(table, target)
    frame = pl.DataFrame({"a": table[:, 0], "b": random.integers(0, 7, 5000)})
    frame.write_parquet(Path(folder, "frame.parquet"))
    lazy = pl.scan_parquet(Path(folder, "frame.parquet"))
    groups = lazy.group_by("b").agg(pl.col("a").sum()).collect(engine="streaming")
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    note(
        folder,
        "learned",
        accuracy=float((model.predict(table) == target).mean()),
        total=groups["a"].sum(),
        expected=float(table[:, 0].sum()),
        rows=pq.read_table(Path(folder, "frame.parquet")).num_rows,
        buckets=[each["Name"] for each in client.list_buckets()["Buckets"]],
        spill=os.environ["POLARS_OOC_SPILL_DIR"],
    )
