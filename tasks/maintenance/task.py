"""The upkeep of every pipeline as Prefect tasks."""

from __future__ import annotations

from typing import Any

from prefect import task

from tasks.errors import StoreUnavailable
from tasks.retries import retried
from tasks.runs import run_logger
from tasks.settings import Settings


@task(name="prune pipelines", **retried(StoreUnavailable))
def prune_pipelines() -> dict[str, Any]:
    """Prune each pipeline alone: one that fails stops no other."""
    from tasks.maintenance.every import prune_every

    return prune_every(Settings.from_environment(), say=run_logger().info)
