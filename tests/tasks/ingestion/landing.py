"""What the bucket holds of a pipeline, in the form that tests compare."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tasks.config import Pipeline
from tasks.data.curated import curated
from tasks.ingestion.ingest import Ingested, ingest_object
from tasks.settings import Settings
from tasks.store.bucket import Bucket
from tasks.store.connect import open_bucket
from tasks.store.layout import Layout
from tasks.store.s3 import S3Bucket
from tasks.workspace import workspace_of


@dataclass(frozen=True)
class State:
    """Rows of the curated table, and what lies beside it."""

    visits: tuple[str, ...]
    quarantine: tuple[str, ...]
    reports: tuple[str, ...]
    docs: tuple[str, ...]
    receipts: tuple[str, ...]


def drop(bucket: Bucket, pipeline: Pipeline, name: str, content: str | bytes) -> str:
    """Put an object into `incoming/`, and return its key."""
    key = Layout(pipeline.name).incoming + name
    bucket.put(key, content.encode() if isinstance(content, str) else content)
    return key


def ingested(settings: Settings, pipeline: Pipeline, key: str) -> Ingested:
    """Ingest one object with a store of one's own."""
    said: list[str] = []
    return ingest_object(workspace_of(settings, pipeline), key, said.append)


def state(settings: Settings, pipeline: Pipeline) -> State:
    """Return everything ingestion left of this pipeline."""
    bucket = S3Bucket(settings)
    layout = Layout(pipeline.name)
    table = curated(open_bucket(settings), pipeline.name)
    visits = table.read(["visit"]).column("visit").to_pylist() if table.schema() else []

    def names(prefix: str) -> tuple[str, ...]:
        return tuple(info.key.removeprefix(prefix) for info in bucket.list(prefix))

    receipts = [json.loads(bucket.get(layout.receipts + name)) for name in names(layout.receipts)]
    return State(
        visits=tuple(sorted(visits)),
        quarantine=names(f"{pipeline.name}/quarantine/"),
        reports=names(layout.report("validation", "")),
        docs=names(layout.data_docs),
        receipts=tuple(f"{each['outcome']} {each['batch']} {each['key']}" for each in receipts),
    )
