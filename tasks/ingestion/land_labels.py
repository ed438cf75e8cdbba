"""Landing one arrived file of labels: in the labels table or in quarantine, exactly once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl
import pyarrow as pa

from expectations.suite import Suite
from tasks.config import Pipeline
from tasks.data.commits import Commit
from tasks.data.curated import columns_of
from tasks.data.table import Table
from tasks.errors import ConfigurationError, DataError, NotFound, PreconditionFailed, StoreError
from tasks.faults import external_write
from tasks.ingestion.ingest import arrival
from tasks.ingestion.records import JSON, REPORT, Say, as_json
from tasks.labels.join import Counts, Judged, judge
from tasks.labels.read import label_schema, read_labels
from tasks.labels.table import BATCH, LABELLED_AT, labels_table
from tasks.quantities import parse_duration
from tasks.store.bucket import Bucket, ObjectInfo
from tasks.store.layout import Layout
from tasks.store.scratch import scratch
from tasks.validation.report import Report
from tasks.validation.suite import find_suite
from tasks.workspace import Workspace

RACES = 50


@dataclass(frozen=True)
class Landed:
    """What became of a file of labels: the labels' version and counts, or why it was refused."""

    outcome: Literal["accepted", "quarantined", "already"]
    batch: str
    version: int | None
    counts: Counts | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Desk:
    """Where labels are read and written."""

    bucket: Bucket
    pipeline: Pipeline
    table: Table
    curated: Table
    say: Say

    @property
    def layout(self) -> Layout:
        return Layout(self.pipeline.name)


def pending_labels(workspace: Workspace) -> tuple[ObjectInfo, ...]:
    """Return the files of labels without a receipt, in the order they arrived.

    Before the first batch there are none: labels wait until the types of their columns are known.
    """
    bucket, layout = workspace.bucket, workspace.layout
    arrived = [info for info in bucket.list(layout.labels_incoming) if not info.key.endswith("/")]
    if not arrived or workspace.curated.version() is None:
        return ()
    done = {info.key for info in bucket.list(layout.label_receipts)}
    waiting = [info for info in arrived if _receipt(layout, info) not in done]
    return tuple(sorted(waiting, key=lambda info: (info.modified, info.key)))


def land_labels(workspace: Workspace, key: str, say: Say) -> Landed:
    """Read, judge and keep the labels of one object; once, however often and wherever it died.

    Raises:
        NotFound: no such object.
        ConfigurationError: the pipeline has no key, or its suite does not fit.
        DataError: no batch was ingested yet.
        StoreError: the store, or the disk, did not do what was asked.
    """
    pipeline, bucket = workspace.pipeline, workspace.bucket
    where = f"pipeline {pipeline.name}"
    if not pipeline.key:
        remedy = "Name the columns that identify a row: key: [...]."
        raise ConfigurationError(where, "labels are joined by the key", "no key", remedy)
    rows = workspace.curated
    desk = Desk(bucket, pipeline, labels_table(bucket, pipeline.name), rows, say)
    schema = columns_of(rows)
    if schema is None:
        remedy = f"Ingest a batch first: `perennial ingest {pipeline.name} FILE`."
        raise DataError(where, "labels follow rows", "no curated table", remedy)
    if bucket.head(key) is None:
        raise NotFound(bucket.name, "the object exists", key, "Look under labels/incoming/.")
    suite = find_suite(pipeline.suite)
    with scratch(workspace.home) as folder:
        path = folder / "object"
        info = bucket.download(key, path)
        with path.open("rb") as file:
            batch = hashlib.file_digest(file, "sha256").hexdigest()
        landed = _already(desk, batch) or _judged(desk, info, path, batch, schema, suite, folder)
    if landed.counts is not None:
        _report(desk, landed)
    with external_write("label.receipt"):
        document = {"batch": batch, "key": key, "version": landed.version}
        bucket.put(_receipt(desk.layout, info), as_json(document), content_type=JSON)
    told = landed.counts.sentence if landed.counts else "; ".join(landed.reasons)
    say(f"{landed.outcome}: {told}")
    return landed


def _receipt(layout: Layout, info: ObjectInfo) -> str:
    return f"{layout.label_receipts}{arrival(info)}.json"


def _already(desk: Desk, batch: str) -> Landed | None:
    """Return what the table or the quarantine knows; the table has the last word."""
    version = desk.table.has(batch)
    if version is not None:
        return Landed("already", batch, version, _told(desk.table.history(), batch), ())
    key = desk.layout.labels_quarantine(batch) + REPORT
    if desk.bucket.head(key) is None:
        return None
    reasons = tuple(json.loads(desk.bucket.get(key))["reasons"])
    return Landed("already", batch, None, None, reasons)


def _told(history: tuple[Commit, ...], batch: str) -> Counts | None:
    found = [commit for commit in history if commit.transaction == batch]
    return Counts.from_dict(json.loads(found[0].metadata["counts"])) if found else None


def _judged(
    desk: Desk,
    info: ObjectInfo,
    path: Path,
    batch: str,
    columns: pa.Schema,
    suite: Suite,
    folder: Path,
) -> Landed:
    """Judge the labels at one version of the table, and keep them right after that version."""
    pipeline = desk.pipeline
    report = Report(pipeline.name, info.key, batch, info.size, "", 0, 0, accepted=False)
    schema = label_schema(columns, pipeline)
    came, report = read_labels(path, report, schema, pipeline, suite, folder, desk.say)
    if came is None:
        return _quarantined(desk, path, report)
    for _ in range(RACES):
        version = desk.table.version()
        already = _already(desk, batch)
        if already is not None:
            return already
        judged = _against(desk, came, version, info)
        try:
            return _appended(desk, info, judged, batch, schema, version)
        except PreconditionFailed:
            desk.say("other labels landed first: judging again")
    raise StoreError(desk.table.uri, "the commit wins in time", "other labels", "Run it again.")


def _against(desk: Desk, came: pl.DataFrame, version: int | None, info: ObjectInfo) -> Judged:
    pipeline, key = desk.pipeline, list(desk.pipeline.key)
    wanted = came.lazy().select(key).unique()
    rows = desk.curated.scan().select([*key, pipeline.target, pipeline.event_time])
    known = came.head(0) if version is None else None
    if known is None:
        labels = desk.table.scan(version).select([*key, pipeline.target])
        known = labels.join(wanted, on=key, how="semi").collect()
    # a delay of zero says that none was agreed: then no label is late
    agreed = parse_duration(pipeline.monitoring.label_delay)
    return judge(
        came,
        rows.join(wanted, on=key, how="semi").collect(),
        known,
        key=key,
        target=pipeline.target,
        event_time=pipeline.event_time,
        at=info.modified,
        late_after=agreed or None,
    )


def _appended(
    desk: Desk, info: ObjectInfo, judged: Judged, batch: str, schema: pa.Schema, version: int | None
) -> Landed:
    rows = judged.kept.to_arrow().cast(schema)
    added = {
        BATCH: pa.array([batch] * rows.num_rows, pa.string()),
        LABELLED_AT: pa.array([info.modified] * rows.num_rows, pa.timestamp("us", "UTC")),
    }
    for name, values in added.items():
        rows = rows.append_column(name, values)
    told = {"object": info.key, "counts": json.dumps(judged.counts.to_dict())}
    with external_write("label.append"):
        appended = desk.table.append(rows, batch, told, after=-1 if version is None else version)
    _leave_quarantine(desk, batch)
    if not appended.landed:
        counts = _told(desk.table.history(), batch)
        return Landed("already", batch, appended.version, counts, ())
    return Landed("accepted", batch, appended.version, judged.counts, ())


def _quarantined(desk: Desk, path: Path, report: Report) -> Landed:
    """Keep the bytes that were judged, then say why."""
    folder = desk.layout.labels_quarantine(report.batch)
    with external_write("label.quarantine_object"):
        name = report.object.rpartition("/")[2]
        desk.bucket.upload(path, folder + (name if name != REPORT else f"object.{name}"))
    with external_write("label.quarantine_report"):
        desk.bucket.put(folder + REPORT, as_json(report.to_dict()), content_type=JSON)
    return Landed("quarantined", report.batch, None, None, report.reasons())


def _leave_quarantine(desk: Desk, batch: str) -> None:
    for info in list(desk.bucket.list(desk.layout.labels_quarantine(batch))):
        desk.bucket.delete(info.key)


def _report(desk: Desk, landed: Landed) -> None:
    assert landed.counts is not None
    document = {
        "pipeline": desk.pipeline.name,
        "batch": landed.batch,
        "version": landed.version,
        "counts": landed.counts.to_dict(),
        "sentence": landed.counts.sentence,
    }
    with external_write("label.report"):
        place = desk.layout.report("labels", f"{landed.batch}.json")
        desk.bucket.put(place, as_json(document), content_type=JSON)
