"""Flows that stand in for ours where only the way they are run is tested."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.runtime import flow_run

from tasks.errors import StoreUnavailable
from tasks.store.local import LocalBucket
from tasks.store.outcome import leave


@task
def say(text: str) -> str:
    get_run_logger().info(text)
    return text


@flow(name="greet", flow_run_name="greet {pipeline}: {cause}")
def greet(pipeline: str, times: int = 1, cause: str = "schedule") -> list[str]:
    """Greet, and say where from."""
    logging.getLogger("prefect.flow_runs").debug("not for everyone")
    get_run_logger().info("in %s as %s", Path.cwd(), os.environ.get("PYTHONPATH"))
    return [say(f"hello {pipeline} {number}") for number in range(times)]


@flow(name="stumble", flow_run_name="stumble {pipeline}: {cause}")
def stumble(pipeline: str, cause: str = "schedule") -> None:
    """Fail as a flow fails."""
    raise ValueError(f"{pipeline} is not well")


@flow(name="falter", flow_run_name="falter {pipeline}: {cause}")
def falter(pipeline: str, bucket: str, cause: str = "schedule") -> None:
    """End the first time as a flow ends whose store is away; then leave an outcome."""
    there = LocalBucket(Path(bucket))
    if there.head("fell") is None:
        there.put("fell", b"")
        raise StoreUnavailable(bucket, "the store answers in time", "no connection")
    leave(there, flow_run.id, {"pipeline": pipeline})
