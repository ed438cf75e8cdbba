"""Score a file with the champion."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.scoring.task import score_object
from tasks.store.task import leave_outcome


@flow(name="score", flow_run_name="score {pipeline}: {cause}")
def score(
    pipeline: str, source: str, output: str | None = None, cause: str = "command"
) -> dict[str, Any]:
    """Score every row of one object of the bucket; judge the model where the target is there."""
    return leave_outcome({**score_object(pipeline, source, output), "cause": cause})
