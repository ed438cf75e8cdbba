"""Landing one arrived object, rows or labels: in its table or in quarantine, exactly once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.data.commits import name_removal
from tasks.data.table_errors import others_won
from tasks.errors import NotFound, PreconditionFailed
from tasks.faults import external_write
from tasks.ingestion.entrance import put_document, read_receipt
from tasks.ingestion.landing import Downloaded, Judged, Landed, Landing, Say
from tasks.ingestion.quarantine import keep_aside, leave_quarantine, read_reasons
from tasks.ingestion.reading import Lease, forget_reading, reading
from tasks.ingestion.remembering import keep_history
from tasks.metering import Cost, measure_cost
from tasks.store.bucket import ObjectInfo
from tasks.store.scratch import scratch
from tasks.validation.report import Report

TAKEN_OUT = "A person took it out. Send its rows in a corrected file."
LEASE = Lease()
RACES = 50  # each means that another commit landed: a guard, not a limit


def land(
    landing: Landing[Judged], key: str, say: Say, *, again: bool = False, lease: Lease = LEASE
) -> Landed:
    """Read, judge and land one object; what it holds is in the table once or never.

    One that lies in quarantine is judged `again` only where a person asked for it.

    Safe to run twice, at once, or again after it died anywhere: the truth is the table's
    transactions and the quarantine, both named by the SHA-256 of the object's bytes.

    Raises:
        NotFound: no such object.
        HeldElsewhere: it is a large one, and another run reads it now.
        ConfigurationError: the suite does not fit the columns.
        StoreError: the store, or the disk, did not do what was asked.
    """
    bucket, entrance = landing.workspace.bucket, landing.entrance
    info = bucket.head(key)
    if info is None:
        remedy = f"Look under {entrance.incoming}."
        raise NotFound(bucket.name, "the object exists", key, remedy)
    batch = None if again else read_receipt(bucket, entrance, info)
    known = None if batch is None else _recalled(landing, batch)
    if known is not None:
        forget_reading(bucket, entrance, info, lease)
        return known
    with reading(bucket, entrance, info, lease):
        landed = _read(landing, info, say, again=again)
    say(f"{landed.outcome}: batch {landed.batch[:12]}")
    return landed


def _read(landing: Landing[Judged], info: ObjectInfo, say: Say, *, again: bool) -> Landed:
    bucket, entrance = landing.workspace.bucket, landing.entrance
    say(f"downloading {info.size:,} bytes")
    with measure_cost() as meter, download(landing, info.key) as arrived:
        landed = _landed(landing, arrived, say, again=again)
        # Another process, with another release of the suite, may have set aside what landed.
        if landed.version is not None:
            leave_quarantine(bucket, entrance, arrived.batch)
            keep_history(landing.workspace)
        # The receipt comes last: a death before it costs another look, which finds the batch.
        write_receipt(landing, arrived.info, landed, meter.cost)
    return landed


@contextmanager
def download(landing: Landing[Any], key: str) -> Iterator[Downloaded]:
    """Yield the object on the local disk, and remove it at the end."""
    with scratch(landing.workspace.home) as folder:
        path = folder / "object"
        # The object may have changed since it was listed: the facts are those of these bytes.
        info = landing.workspace.bucket.download(key, path)
        with path.open("rb") as file:
            batch = hashlib.file_digest(file, "sha256").hexdigest()
        yield Downloaded(info, batch, path, folder)


def write_receipt(
    landing: Landing[Any], info: ObjectInfo, landed: Landed, cost: Cost | None = None
) -> None:
    """Leave word that the object was looked at, what came of it, and what the look cost."""
    document = {
        "batch": landed.batch,
        "outcome": landed.stands,
        "key": info.key,
        "version": landed.version,
        "cost": None if cost is None else cost.to_dict(),
    }
    entrance = landing.entrance
    with external_write(f"{entrance.flow}.receipt"):
        put_document(landing.workspace.bucket, "receipt", entrance.receipt(info), document)


def _landed(landing: Landing[Judged], arrived: Downloaded, say: Say, *, again: bool) -> Landed:
    judged: Judged | None = None
    for _ in range(RACES):
        # First the version: what lands after it is recalled next, or makes the append fail.
        version = landing.table.version()
        already = _recalled(landing, arrived.batch)
        if already is not None and not (again and already.stands == "quarantined"):
            landing.restate(arrived, judged, already, say)
            return already
        judged = landing.judge(arrived, version, judged, say)
        landing.publish(judged)
        if not judged.report.accepted:
            return _quarantined(landing, arrived, judged.report)
        try:
            with external_write(f"{landing.entrance.flow}.append"):
                landed = landing.append(arrived, judged, -1 if version is None else version)
        except PreconditionFailed:
            landed = None
        if landed is not None:
            return landed
        say("another commit was first: judging again")
    raise others_won(landing.table.uri)


def _recalled(landing: Landing[Any], batch: str) -> Landed | None:
    # The table has the last word: a death may leave a batch in the quarantine that it holds.
    landed = _in_table(landing, batch)
    if landed is not None:
        return landed
    reasons = read_reasons(landing.workspace.bucket, landing.entrance, batch)
    return None if reasons is None else Landed("already", batch, None, reasons)


def _in_table(landing: Landing[Any], batch: str) -> Landed | None:
    version = landing.table.has(batch)
    if version is None:
        return None
    if landing.table.has(name_removal(batch)) is not None:
        return Landed("removed", batch, version, (TAKEN_OUT,))
    return landing.recall(batch, version)


def _quarantined(landing: Landing[Any], arrived: Downloaded, report: Report) -> Landed:
    keep_aside(landing.workspace.bucket, landing.entrance, report, arrived.path)
    # Another process may have landed the batch in the meantime, and `land` then clears this away.
    landed = _in_table(landing, arrived.batch)
    if landed is not None:
        return landed
    return Landed("quarantined", arrived.batch, None, report.reasons(), report=report)
