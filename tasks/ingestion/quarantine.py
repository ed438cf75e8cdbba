"""The quarantine: a refused object as it came, and the report that says why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tasks.faults import external_write
from tasks.ingestion.entrance import Entrance, Kind, put_document, read_document
from tasks.ingestion.landing import Landed
from tasks.ledger.entry import Entry
from tasks.ledger.reversal import record_release
from tasks.policy.reading import count_text
from tasks.store.bucket import Bucket
from tasks.validation.report import Report
from tasks.workspace import Workspace

REPORT = "report.json"
LONGEST_NAME = 200  # bytes, so that the key with its folders stays under 1,024


def keep_aside(bucket: Bucket, entrance: Entrance, report: Report, path: Path | None) -> None:
    """Keep the bytes at `path`, then say why; without a path, the object stays where it came."""
    folder = entrance.quarantine(report.batch)
    if path is not None:
        with external_write(f"{entrance.flow}.quarantine_object"):
            bucket.upload(path, folder + _name(report.object))
    # The report comes last: once it is there, the batch counts as refused.
    with external_write(f"{entrance.flow}.quarantine_report"):
        put_document(bucket, "validation report", folder + REPORT, report.to_dict())


def leave_quarantine(bucket: Bucket, entrance: Entrance, batch: str) -> None:
    """Remove what lies in quarantine of a batch that the table holds."""
    for info in list(bucket.list(entrance.quarantine(batch))):
        bucket.delete(info.key)


def read_reasons(bucket: Bucket, entrance: Entrance, batch: str) -> tuple[str, ...] | None:
    """Return why a batch lies in quarantine, or None where it does not."""
    where = entrance.quarantine(batch) + REPORT
    reasons = read_document(bucket, "validation report", where).get("reasons")
    return None if reasons is None else tuple(reasons)


def tell_ledger(workspace: Workspace, landed: Landed, key: str, kind: Kind = "rows") -> None:
    """Record a refused file in the ledger; once, also where the run that refused it died."""
    # the same bytes may be refused as either kind
    what, mark = ({}, "") if kind == "rows" else ({"what": kind}, f"{kind}-")
    # The ledger takes an entry's id once, and the batch is this one's.
    workspace.ledger.append(
        Entry(
            id=f"quarantine-{mark}{landed.batch}",
            at=datetime.now(UTC),
            pipeline=workspace.name,
            kind="quarantine",
            version=None,
            by=Entrance(kind, workspace.layout).flow,
            summary=f"{key.rpartition('/')[2]} is in quarantine: {'; '.join(landed.reasons)}",
            figures={"batch": landed.batch, "object": key, "reasons": list(landed.reasons), **what},
        )
    )


def tell_release(workspace: Workspace, landed: Landed, key: str) -> None:
    """Record that a refused batch was judged anew and accepted; once, as `tell_ledger` does."""
    told = f", {count_text(landed.rows, 'row', 'rows')}" if landed.rows else ""
    by = "ingest, asked by a person"
    workspace.ledger.append(record_release(workspace.name, landed.batch, key, told, by))


def _name(key: str) -> str:
    """Return the object's own name, so bounded that a key under the quarantine can end in it.

    >>> _name("flights/incoming/report.json"), len(_name("flights/incoming/" + "é" * 400))
    ('object.report.json', 100)
    """
    name = key.rpartition("/")[2].encode()[-LONGEST_NAME:].decode(errors="ignore")
    return name if name != REPORT else f"object.{name}"
