"""Landing one arrived object: in the curated table or in quarantine, exactly once."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from expectations.suite import Suite
from tasks.data.curated import append_batch, columns_of
from tasks.errors import NotFound, PreconditionFailed, StoreError
from tasks.faults import external_write
from tasks.ingestion.known import known_keys
from tasks.ingestion.records import JSON, REPORT, Landing, Say, as_json, leave_quarantine, publish
from tasks.ledger.entry import Entry
from tasks.store.bucket import ObjectInfo
from tasks.store.scratch import scratch
from tasks.validation.batch import Examination, clean, examine
from tasks.validation.report import Report
from tasks.validation.suite import find_suite
from tasks.workspace import Workspace

RACES = 50
BATCH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Ingested:
    """What became of an object; `report` is None where it had been looked at before."""

    outcome: Literal["accepted", "quarantined", "already"]
    batch: str
    version: int | None
    report_key: str
    rows: int
    report: Report | None


def pending(workspace: Workspace) -> tuple[ObjectInfo, ...]:
    """Return the objects in `incoming/` without a receipt, in the order they arrived.

    A receipt is only a cache: one that is lost costs a download, never a row.
    """
    bucket, layout = workspace.bucket, workspace.layout
    done = {info.key for info in bucket.list(layout.receipts)}
    arrived = (info for info in bucket.list(layout.incoming) if not info.key.endswith("/"))
    waiting = [info for info in arrived if layout.receipt(arrival(info)) not in done]
    return tuple(sorted(waiting, key=lambda info: (info.modified, info.key)))


def reasons_of(workspace: Workspace, ingested: Ingested) -> tuple[str, ...]:
    """Return why a batch lies in quarantine; nothing where it does not."""
    if ingested.version is not None:
        return ()
    key = workspace.layout.quarantine(ingested.batch) + REPORT
    return tuple(json.loads(workspace.bucket.get(key))["reasons"])


def tell_ledger(workspace: Workspace, ingested: Ingested, key: str) -> None:
    """Record a refused batch in the ledger; once, also where the run that refused it died."""
    reasons = reasons_of(workspace, ingested)
    workspace.ledger.append(
        Entry(
            id=f"quarantine-{ingested.batch}",
            at=datetime.now(UTC),
            pipeline=workspace.name,
            kind="quarantine",
            version=None,
            by="ingest",
            summary=f"{key.rpartition('/')[2]} is in quarantine: {'; '.join(reasons)}",
            figures={"batch": ingested.batch, "object": key, "reasons": list(reasons)},
        )
    )


def arrival(info: ObjectInfo) -> str:
    """Return the digest that names one arrival: the same key with other bytes is another."""
    return hashlib.sha256(f"{info.key}\n{info.etag}".encode()).hexdigest()


def ingest_object(workspace: Workspace, key: str, say: Say) -> Ingested:
    """Read, judge and land one object; its rows are in the curated table once or never.

    Safe to run twice, at once, or again after it died anywhere: the truth is the table's
    transactions and the quarantine, both named by the SHA-256 of the object's bytes.

    Raises:
        NotFound: no such object.
        ConfigurationError: the suite is missing, empty, or does not fit the pipeline.
        StoreError: the store, or the disk, did not do what was asked.
    """
    landing, bucket = Landing(workspace, say), workspace.bucket
    suite = find_suite(workspace.pipeline.suite)
    info = bucket.head(key)
    if info is None:
        raise NotFound(bucket.name, "the object exists", key, "Look under incoming/.")
    batch = _received(landing, info)
    known = None if batch is None else _already(landing, batch)
    if known is not None:
        return known
    with scratch(workspace.home) as folder:
        path = folder / "object"
        say(f"downloading {info.size:,} bytes")
        info = bucket.download(key, path)
        with path.open("rb") as file:
            batch = hashlib.file_digest(file, "sha256").hexdigest()
        ingested = _already(landing, batch) or _landed(landing, suite, info, path, batch, folder)
    _write_receipt(landing, info, ingested)
    say(f"{ingested.outcome}: batch {batch[:12]}")
    return ingested


def _received(landing: Landing, info: ObjectInfo) -> str | None:
    try:
        document = json.loads(landing.bucket.get(landing.layout.receipt(arrival(info))))
    except (NotFound, ValueError):
        return None
    batch = str(document.get("batch", ""))
    return batch if BATCH.fullmatch(batch) else None


def _write_receipt(landing: Landing, info: ObjectInfo, ingested: Ingested) -> None:
    outcome = ingested.outcome
    if outcome == "already":
        outcome = "accepted" if ingested.version is not None else "quarantined"
    document = {"batch": ingested.batch, "outcome": outcome, "key": info.key}
    with external_write("ingest.receipt"):
        landing.bucket.put(
            landing.layout.receipt(arrival(info)), as_json(document), content_type=JSON
        )


def _already(landing: Landing, batch: str) -> Ingested | None:
    """Return what the table or the quarantine knows of the batch; the table has the last word."""
    version = landing.table.has(batch)
    if version is None and landing.bucket.head(landing.quarantine_report(batch)) is None:
        return None
    return Ingested("already", batch, version, landing.report_key(batch), 0, None)


def _landed(
    landing: Landing, suite: Suite, info: ObjectInfo, path: Path, batch: str, folder: Path
) -> Ingested:
    """Examine the batch at one version of the table, and land it right after that version."""
    judged: Examination | None = None
    contract = None
    for _ in range(RACES):
        version = landing.table.version()
        already = _already(landing, batch)
        if already is not None:
            return already
        schema = columns_of(landing.table)
        keys = None if version is None else known_keys(landing.table, version, landing.pipeline.key)
        if judged is None or judged.typed is None or schema != contract:
            name, pipeline = info.key, landing.pipeline
            judged = examine(path, name, batch, pipeline, suite, schema, keys, folder, landing.say)
        else:
            retyped = judged.report.cleaning.retyped
            judged = clean(judged.typed, judged.report, landing.pipeline, keys, folder, retyped)
        contract = schema
        publish(landing, judged.report, suite)
        if not judged.accepted:
            return _quarantined(landing, info, path, judged.report)
        try:
            landed = _appended(landing, info, judged, -1 if version is None else version)
        except PreconditionFailed:
            landing.say("another batch landed first: comparing the keys again")
            continue
        if landed.report is None:
            _restate(landing, judged, suite, landed, folder)
        return landed
    raise StoreError(landing.table.uri, "the commit wins in time", "other batches", "Run it again.")


def _restate(
    landing: Landing, judged: Examination, suite: Suite, landed: Ingested, folder: Path
) -> None:
    """Say again what was true right before the commit that landed, which was another process's."""
    assert judged.typed is not None
    assert landed.version is not None
    keys = known_keys(landing.table, landed.version - 1, landing.pipeline.key)
    retyped = judged.report.cleaning.retyped
    again = clean(judged.typed, judged.report, landing.pipeline, keys, folder, retyped)
    publish(landing, again.report, suite)


def _appended(landing: Landing, info: ObjectInfo, judged: Examination, after: int) -> Ingested:
    assert judged.rows is not None
    report = judged.report
    metadata = {"object": info.key, "rows": str(report.kept)}
    with external_write("ingest.append"):
        appended = append_batch(
            landing.table,
            judged.rows,
            report.batch,
            datetime.now(UTC),
            metadata,
            after=after,
        )
    leave_quarantine(landing, report.batch)
    key = landing.report_key(report.batch)
    if not appended.landed:
        return Ingested("already", report.batch, appended.version, key, 0, None)
    return Ingested("accepted", report.batch, appended.version, key, report.kept, report)


def _quarantined(landing: Landing, info: ObjectInfo, path: Path, report: Report) -> Ingested:
    """Keep the bytes that were judged, then say so; unless the batch landed in the meantime."""
    folder = landing.layout.quarantine(report.batch)
    with external_write("ingest.quarantine_object"):
        name = info.key.rpartition("/")[2]
        landing.bucket.upload(path, folder + (name if name != REPORT else f"object.{name}"))
    with external_write("ingest.quarantine_report"):
        key = landing.quarantine_report(report.batch)
        landing.bucket.put(key, as_json(report.to_dict()), content_type=JSON)
    version = landing.table.has(report.batch)
    report_key = landing.report_key(report.batch)
    if version is not None:
        leave_quarantine(landing, report.batch)
        return Ingested("already", report.batch, version, report_key, 0, None)
    return Ingested("quarantined", report.batch, None, report_key, 0, report)
