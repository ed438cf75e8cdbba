"""Flows that stand in for ours where only the way they are run is tested."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from prefect import flow, get_run_logger, task


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
