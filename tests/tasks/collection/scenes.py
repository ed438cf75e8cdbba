"""A toy pipeline that collects, and what it holds afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.collection.collect import Collected, collect
from tasks.collection.open import open_collector
from tasks.ingestion.entrance import Entrance, find_pending
from tasks.ingestion.land import land
from tasks.ingestion.rows import open_rows
from tasks.workspace import Workspace
from tests import life


def collecting(folder: Path, **section: Any) -> Workspace:
    """Return a pipeline without a key: nothing but collecting keeps its rows from coming twice."""
    source = {"collect": {"retries": 2, **section}}
    return life.toy_workspace(folder, source=source, key=[])


def with_pipeline(workspace: Workspace, **changes: Any) -> Workspace:
    """Return the workspace of a pipeline that differs in these fields."""
    return replace(workspace, pipeline=workspace.pipeline.model_copy(update=changes))


def run(
    workspace: Workspace, limit: int | None = None, say: Callable[[str], Any] = lambda _: None
) -> Collected:
    """Collect; objects of at most so many bytes, give or take an answer or a thousand rows."""
    return collect(workspace, open_collector(workspace, say, limit), say)


def landed_ids(workspace: Workspace) -> list[int]:
    """Return the ids in all objects that were collected, object by object."""
    bucket = workspace.bucket
    keys = [info.key for info in bucket.list(workspace.layout.collected)]
    lines = [line for key in keys for line in bucket.get(key).splitlines()]
    return [json.loads(line)["id"] for line in lines]


def ingest(workspace: Workspace) -> list[int]:
    """Take in what lies in `incoming/`; return the ids of the curated table, sorted."""
    for info in find_pending(workspace, Entrance("rows", workspace.layout)):
        landed = land(open_rows(workspace), info.key, lambda _: None)
        assert landed.stands == "accepted", landed.reasons
    return sorted(workspace.curated.read(["id"]).column("id").to_pylist())
