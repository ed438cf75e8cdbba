"""Pipelines with late labels, and what tests on a server do with them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tasks.config import Pipeline
from tasks.ingestion.entrance import Kind
from tasks.ingestion.landing import Landed
from tasks.settings import Settings
from tasks.store.layout import Layout
from tasks.store.local import LocalBucket
from tasks.store.s3 import S3Bucket
from tasks.workspace import Workspace, make_workspace
from tests.servers import S3
from tests.tasks.ingestion import landing
from tests.tasks.ingestion.landing import Key
from tests.tasks.ingestion.landing import label_file as file
from tests.tasks.ingestion.scenes import people

__all__ = ["bench", "curate", "drop", "file", "landed", "store_of", "visits"]


def visits(name: str, revisions: str = "newest", **monitoring: str) -> Pipeline:
    """Return a pipeline with a key of two columns, whose labels may come later."""
    return Pipeline.model_validate(
        {
            "name": name,
            "task": "binary",
            "target": "stays",
            "event_time": "at",
            "key": ["visit", "day"],
            "data": {"suite": "tests.suites.visits"},
            "monitoring": {"labels": "delayed", **monitoring},
            "labels": {"revisions": revisions},
        }
    )


def bench(kind: Kind, folder: Path, bucket: type[LocalBucket] = LocalBucket) -> Workspace:
    """Return a workspace where files of this kind can land; for labels, with rows already."""
    pipeline = people("toy") if kind == "rows" else visits("toy")
    workspace = landing.local_workspace(folder, pipeline, bucket)
    if kind == "labels":
        landing.curate(workspace, folder, landing.ROWS, "b1")
    return workspace


def curate(
    settings: Settings, pipeline: Pipeline, folder: Path, rows: dict[Key, int | None], name: str
) -> None:
    """Append rows with their targets to the curated table, as a batch of this name."""
    landing.curate(make_workspace(settings, pipeline), folder, rows, name)


def drop(s3: S3, pipeline: Pipeline, name: str, content: bytes) -> str:
    """Put a file into `labels/incoming/`, and return its key."""
    key = Layout(pipeline.name).labels_incoming + name
    store_of(s3.settings).put(key, content)
    return key


def landed(settings: Settings, pipeline: Pipeline, key: str) -> Landed:
    """Land one file of labels."""
    return landing.landed(make_workspace(settings, pipeline), key, "labels")


@cache
def store_of(settings: Settings) -> S3Bucket:
    """Return one store for all: a client takes longer to make than a file to land."""
    return S3Bucket(settings)
