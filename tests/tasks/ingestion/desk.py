"""Pipelines, files and states that these tests share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.config import Pipeline
from tasks.data.curated import append_batch, curated
from tasks.ingestion.land_labels import Landed, land_labels
from tasks.labels.table import labels_of, labels_version
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tasks.store.layout import Layout
from tasks.store.s3 import S3Bucket
from tasks.workspace import workspace_of
from tests.servers import S3

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
Key = tuple[str, int]


def visits(name: str, **monitoring: str) -> Pipeline:
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
        }
    )


def curate(
    settings: Settings, pipeline: Pipeline, folder: Path, rows: dict[Key, int | None], name: str
) -> None:
    """Append rows with their targets to the curated table, as a batch of this name."""
    times = [NOON + timedelta(hours=number) for number in range(len(rows))]
    columns = {
        "visit": pa.array([visit for visit, _ in rows], pa.string()),
        "day": pa.array([day for _, day in rows], pa.int64()),
        "at": pa.array(times, pa.timestamp("us", "UTC")),
        "stays": pa.array(list(rows.values()), pa.int64()),
    }
    path = folder / f"{name}.parquet"
    pq.write_table(pa.table(columns), path)
    append_batch(curated(open_bucket(settings), pipeline.name), path, name, NOON, {})


def file(*lines: tuple[str, int, object]) -> bytes:
    """Return a CSV file of labels."""
    return ("visit,day,stays\n" + "".join(f"{v},{d},{y}\n" for v, d, y in lines)).encode()


def drop(s3: S3, pipeline: Pipeline, name: str, content: bytes) -> str:
    """Put a file into `labels/incoming/`, and return its key."""
    key = Layout(pipeline.name).labels_incoming + name
    store_of(s3.settings).put(key, content)
    return key


def landed(settings: Settings, pipeline: Pipeline, key: str) -> Landed:
    """Land one file with the store of all."""
    said: list[str] = []
    return land_labels(workspace_of(settings, pipeline), key, said.append)


@cache
def store_of(settings: Settings) -> S3Bucket:
    """Return one store for all: a client takes longer to make than a file to land."""
    return S3Bucket(settings)


@dataclass(frozen=True)
class State:
    """Everything that landing left: labels, versions, and the names of the objects beside."""

    labels: tuple[tuple[str, int, int], ...]
    commits: int
    quarantine: tuple[str, ...]
    receipts: int
    reports: tuple[str, ...]


def state(settings: Settings, pipeline: Pipeline) -> State:
    """Return what the bucket holds of this pipeline's labels."""
    bucket, layout = store_of(settings), Layout(pipeline.name)
    version = labels_version(open_bucket(settings), pipeline)
    frame = labels_of(open_bucket(settings), pipeline, version)
    rows = frame[["visit", "day", "stays"]].itertuples(index=False, name=None)
    at = f"{pipeline.name}/quarantine/"
    return State(
        labels=tuple(sorted(rows)),
        commits=0 if version is None else version,
        quarantine=tuple(info.key.removeprefix(at) for info in bucket.list(at)),
        receipts=len(list(bucket.list(layout.label_receipts))),
        reports=tuple(
            info.key.rpartition("/")[2] for info in bucket.list(layout.report("labels", ""))
        ),
    )
