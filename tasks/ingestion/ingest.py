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
from tasks.config import Pipeline
from tasks.data.curated import append_batch, columns_of
from tasks.errors import NotFound, PreconditionFailed, StoreError
from tasks.faults import external_write
from tasks.ingestion.known import known_keys
from tasks.ingestion.records import JSON, REPORT, Place, Say, as_json, leave_quarantine, publish
from tasks.ledger.entry import Entry
from tasks.ledger.ledger import ledger_of
from tasks.settings import Settings
from tasks.store.base import ObjectInfo, Store
from tasks.store.layout import Layout
from tasks.store.scratch import scratch
from tasks.validation.batch import Examination, clean, examine
from tasks.validation.report import Report
from tasks.validation.suite import find_suite

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


def pending(store: Store, pipeline: Pipeline) -> tuple[ObjectInfo, ...]:
    """Return the objects in `incoming/` without a receipt, in the order they arrived.

    A receipt is only a cache: one that is lost costs a download, never a row.
    """
    layout = Layout(pipeline.name)
    done = {info.key for info in store.list(layout.receipts)}
    arrived = (info for info in store.list(layout.incoming) if not info.key.endswith("/"))
    waiting = [info for info in arrived if layout.receipt(arrival(info)) not in done]
    return tuple(sorted(waiting, key=lambda info: (info.modified, info.key)))


def reasons_of(store: Store, pipeline: Pipeline, ingested: Ingested) -> tuple[str, ...]:
    """Return why a batch lies in quarantine; nothing where it does not."""
    if ingested.version is not None:
        return ()
    key = Layout(pipeline.name).quarantine(ingested.batch) + REPORT
    return tuple(json.loads(store.get(key))["reasons"])


def tell_ledger(
    settings: Settings, store: Store, pipeline: Pipeline, ingested: Ingested, key: str
) -> None:
    """Record a refused batch in the ledger; once, also where the run that refused it died."""
    reasons = reasons_of(store, pipeline, ingested)
    ledger_of(settings, pipeline.name).append(
        Entry(
            id=f"quarantine-{ingested.batch}",
            at=datetime.now(UTC),
            pipeline=pipeline.name,
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


def ingest_object(
    settings: Settings, store: Store, pipeline: Pipeline, key: str, say: Say
) -> Ingested:
    """Read, judge and land one object; its rows are in the curated table once or never.

    Safe to run twice, at once, or again after it died anywhere: the truth is the table's
    transactions and the quarantine, both named by the SHA-256 of the object's bytes.

    Raises:
        NotFound: no such object.
        ConfigurationError: the suite is missing, empty, or does not fit the pipeline.
        StoreError: the store, or the disk, did not do what was asked.
    """
    place = Place(settings, store, pipeline, say)
    suite = find_suite(pipeline.suite)
    info = store.head(key)
    if info is None:
        raise NotFound(settings.bucket, "the object exists", key, "Look under incoming/.")
    batch = _received(place, info)
    known = None if batch is None else _already(place, batch)
    if known is not None:
        return known
    with scratch(settings.home) as folder:
        path = folder / "object"
        say(f"downloading {info.size:,} bytes")
        info = store.download(key, path)
        with path.open("rb") as file:
            batch = hashlib.file_digest(file, "sha256").hexdigest()
        ingested = _already(place, batch) or _landed(place, suite, info, path, batch, folder)
    _write_receipt(place, info, ingested)
    say(f"{ingested.outcome}: batch {batch[:12]}")
    return ingested


def _received(place: Place, info: ObjectInfo) -> str | None:
    try:
        document = json.loads(place.store.get(place.layout.receipt(arrival(info))))
    except (NotFound, ValueError):
        return None
    batch = str(document.get("batch", ""))
    return batch if BATCH.fullmatch(batch) else None


def _write_receipt(place: Place, info: ObjectInfo, ingested: Ingested) -> None:
    outcome = ingested.outcome
    if outcome == "already":
        outcome = "accepted" if ingested.version is not None else "quarantined"
    document = {"batch": ingested.batch, "outcome": outcome, "key": info.key}
    with external_write("ingest.receipt"):
        place.store.put(place.layout.receipt(arrival(info)), as_json(document), content_type=JSON)


def _already(place: Place, batch: str) -> Ingested | None:
    """Return what the table or the quarantine knows of the batch; the table has the last word."""
    version = place.table.has(batch)
    if version is None and place.store.head(place.quarantine_report(batch)) is None:
        return None
    return Ingested("already", batch, version, place.report_key(batch), 0, None)


def _landed(
    place: Place, suite: Suite, info: ObjectInfo, path: Path, batch: str, folder: Path
) -> Ingested:
    """Examine the batch at one version of the table, and land it right after that version."""
    judged: Examination | None = None
    contract = None
    for _ in range(RACES):
        version = place.table.version()
        already = _already(place, batch)
        if already is not None:
            return already
        schema = columns_of(place.table)
        keys = None if version is None else known_keys(place.table, version, place.pipeline.key)
        if judged is None or judged.typed is None or schema != contract:
            name, pipeline = info.key, place.pipeline
            judged = examine(path, name, batch, pipeline, suite, schema, keys, folder, place.say)
        else:
            retyped = judged.report.cleaning.retyped
            judged = clean(judged.typed, judged.report, place.pipeline, keys, folder, retyped)
        contract = schema
        publish(place, judged.report, suite)
        if not judged.accepted:
            return _quarantined(place, info, path, judged.report)
        try:
            landed = _appended(place, info, judged, -1 if version is None else version)
        except PreconditionFailed:
            place.say("another batch landed first: comparing the keys again")
            continue
        if landed.report is None:
            _restate(place, judged, suite, landed, folder)
        return landed
    raise StoreError(place.table.uri, "the commit wins in time", "other batches", "Run it again.")


def _restate(
    place: Place, judged: Examination, suite: Suite, landed: Ingested, folder: Path
) -> None:
    """Say again what was true right before the commit that landed, which was another process's."""
    assert judged.typed is not None
    assert landed.version is not None
    keys = known_keys(place.table, landed.version - 1, place.pipeline.key)
    retyped = judged.report.cleaning.retyped
    again = clean(judged.typed, judged.report, place.pipeline, keys, folder, retyped)
    publish(place, again.report, suite)


def _appended(place: Place, info: ObjectInfo, judged: Examination, after: int) -> Ingested:
    assert judged.rows is not None
    report = judged.report
    metadata = {"object": info.key, "rows": str(report.kept)}
    with external_write("ingest.append"):
        appended = append_batch(
            place.table, judged.rows, report.batch, datetime.now(UTC), metadata, after=after
        )
    leave_quarantine(place, report.batch)
    key = place.report_key(report.batch)
    if not appended.landed:
        return Ingested("already", report.batch, appended.version, key, 0, None)
    return Ingested("accepted", report.batch, appended.version, key, report.kept, report)


def _quarantined(place: Place, info: ObjectInfo, path: Path, report: Report) -> Ingested:
    """Keep the bytes that were judged, then say so; unless the batch landed in the meantime."""
    folder = place.layout.quarantine(report.batch)
    with external_write("ingest.quarantine_object"):
        name = info.key.rpartition("/")[2]
        place.store.upload(path, folder + (name if name != REPORT else f"object.{name}"))
    with external_write("ingest.quarantine_report"):
        key = place.quarantine_report(report.batch)
        place.store.put(key, as_json(report.to_dict()), content_type=JSON)
    version = place.table.has(report.batch)
    report_key = place.report_key(report.batch)
    if version is not None:
        leave_quarantine(place, report.batch)
        return Ingested("already", report.batch, version, report_key, 0, None)
    return Ingested("quarantined", report.batch, None, report_key, 0, report)
