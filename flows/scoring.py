"""Score a file with the champion."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.events.task import tag_run
from tasks.scoring.task import score_object
from tasks.store.task import leave_outcome


@flow(name="score", flow_run_name="score {pipeline}: {cause}", on_running=[tag_run])
def score(
    pipeline: str,
    source: str,
    output: str | None = None,
    cause: str = "command",
    part_rows: int = 1_048_576,
) -> dict[str, Any]:
    """Score every row of an object or a Delta table; judge the model where the target is there.

    A run that died goes on behind its last part of `part_rows` rows when it is started again.
    """
    return leave_outcome({**score_object(pipeline, source, output, part_rows), "cause": cause})
