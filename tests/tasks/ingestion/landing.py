"""Landing on a bucket of any kind, and what it leaves there, in the form that tests compare."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.config import Pipeline
from tasks.data.curated import append_batch
from tasks.data.table import Table
from tasks.ingestion.entrance import Entrance, Kind
from tasks.ingestion.labels import LabelsLanding, open_labels
from tasks.ingestion.land import land
from tasks.ingestion.landing import Landed
from tasks.ingestion.rows import RowsLanding, open_rows
from tasks.labels.table import labels_table
from tasks.signatures import Keyring
from tasks.store.local import LocalBucket
from tasks.workspace import Workspace

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
Key = tuple[str, int]
ROWS: dict[Key, int | None] = {("v1", 1): None, ("v1", 2): None, ("v2", 1): 1, ("v3", 1): 0}


def local_workspace(
    folder: Path, pipeline: Pipeline, bucket: type[LocalBucket] = LocalBucket
) -> Workspace:
    """Return the pipeline in a bucket under `folder`."""
    home = folder / "home"
    store = bucket(folder / "bucket")
    return Workspace(store, pipeline.name, Keyring("a signing key"), pipeline=pipeline, home=home)


def drop(workspace: Workspace, name: str, content: str | bytes, kind: Kind = "rows") -> str:
    """Put an object where those of its kind arrive, and return its key."""
    key = Entrance(kind, workspace.layout).incoming + name
    workspace.bucket.put(key, content.encode() if isinstance(content, str) else content)
    return key


def opened(workspace: Workspace, kind: Kind) -> RowsLanding | LabelsLanding:
    """Return the landing of a kind."""
    return open_rows(workspace) if kind == "rows" else open_labels(workspace)


def landed(workspace: Workspace, key: str, kind: Kind = "rows") -> Landed:
    """Land one object."""
    said: list[str] = []
    return land(opened(workspace, kind), key, said.append)


def curate(workspace: Workspace, folder: Path, rows: dict[Key, int | None], name: str) -> None:
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
    append_batch(workspace.curated, path, name, NOON, {})


def label_file(*lines: tuple[str, int, object]) -> bytes:
    """Return a CSV file of labels."""
    return ("visit,day,stays\n" + "".join(f"{v},{d},{y}\n" for v, d, y in lines)).encode()


@dataclass(frozen=True)
class State:
    """The rows of both tables, their versions, and each object beside them with its digest.

    Data Docs hold random ids and the times of writing: of them only the names are kept.
    """

    rows: tuple[tuple[object, ...], ...]
    labels: tuple[tuple[object, ...], ...]
    versions: tuple[int | None, int | None]
    objects: dict[str, str]

    def under(self, part: str) -> tuple[str, ...]:
        """Return the names of the objects below a folder of the pipeline."""
        inside = [key.partition(f"/{part}")[2] for key in self.objects if f"/{part}" in key]
        return tuple(sorted(inside))


def state(workspace: Workspace) -> State:
    """Return everything that landing left of this pipeline."""
    curated, labels = workspace.curated, labels_table(workspace.bucket, workspace.name)
    tables = (f"{workspace.layout.curated}/", f"{workspace.layout.labels}/")
    docs = workspace.layout.data_docs
    objects = {
        info.key: "" if info.key.startswith(docs) else _digest(_lasting(workspace, info.key))
        for info in workspace.bucket.list(f"{workspace.name}/")
        if not info.key.startswith(tables)
    }
    versions = (curated.version(), labels.version())
    return State(_rows(curated), _rows(labels), versions, objects)


def _lasting(workspace: Workspace, key: str) -> bytes:
    """Return what an object holds, less what each run measures anew."""
    data = workspace.bucket.get(key)
    if "/receipts/" not in key or b'"cost"' not in data:
        return data
    receipt = json.loads(data)
    return json.dumps({name: told for name, told in receipt.items() if name != "cost"}).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _rows(table: Table) -> tuple[tuple[object, ...], ...]:
    found = table.rows()
    if found is None:
        return ()
    kept = [name for name in found.column_names if name not in ("_ingested_at", "_labelled_at")]
    return tuple(sorted((tuple(row.values()) for row in found.select(kept).to_pylist()), key=repr))
