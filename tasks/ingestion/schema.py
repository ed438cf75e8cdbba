"""The contract as it stands, which refused batches wait for a change of it, and accepting one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tasks.errors import ConfigurationError, Refused
from tasks.faults import external_write
from tasks.ingestion.agreement import find_agreed
from tasks.ingestion.entrance import Entrance, Kind, read_document
from tasks.ingestion.quarantine import REPORT
from tasks.ingestion.retry import RefusedBatch, find_object, find_refused, pick_refused
from tasks.ledger.entry import Entry
from tasks.readers.formats import open_source
from tasks.readers.kinds import kind_of, schema_of
from tasks.records import plain, read
from tasks.store.scratch import scratch
from tasks.validation.changes import SchemaChanges
from tasks.validation.contract import agreed_schema, widen
from tasks.validation.suite import find_suite
from tasks.workspace import Workspace


@dataclass(frozen=True)
class WaitingChange:
    """A refused batch that would come in if its changes were accepted."""

    kind: Kind
    batch: str
    object: str
    changes: SchemaChanges


@dataclass(frozen=True)
class Contract:
    """What batches are held to.

    `columns` are names and kinds, empty where the first batch will settle them; `open` came
    without any value so far. `classes` are the target's known values, as texts.
    """

    columns: Mapping[str, str]
    open: tuple[str, ...]
    classes: tuple[str, ...]
    accepted: SchemaChanges
    waiting: tuple[WaitingChange, ...]


def read_contract(workspace: Workspace) -> Contract:
    """Return the contract as the table, the suite, and what a person accepted tell it.

    Raises:
        ConfigurationError: the suite is missing, or does not fit the pipeline.
    """
    pipeline, suite = workspace.pipeline, find_suite(workspace.pipeline.suite)
    agreed = find_agreed(workspace, workspace.curated.version())
    schema = agreed_schema(pipeline, suite, agreed.columns)
    wide = () if schema is None else widen(schema, agreed, suite)
    hidden = pipeline.target in pipeline.data.personal
    return Contract(
        {field.name: kind_of(field.type) or "string" for field in wide},
        tuple(sorted((agreed.open | suite.open) - {field.name for field in wide})),
        () if hidden else tuple(str(label) for label in agreed.classes),
        agreed.accepted,
        find_waiting(workspace),
    )


def find_waiting(workspace: Workspace) -> tuple[WaitingChange, ...]:
    """Return the refused batches whose changes a person may accept."""
    found = ((refused, _changes(workspace, refused)) for refused in find_refused(workspace))
    return tuple(
        WaitingChange(refused.kind, refused.batch, refused.object, changes)
        for refused, changes in found
        if changes.anything
    )


def accept_changes(
    workspace: Workspace, name: str, by: str, numbers: Sequence[int] = ()
) -> tuple[RefusedBatch, Entry]:
    """Record that a person accepts the schema of a refused batch, which may then be tried again.

    It holds for every batch from then on. Accepted twice, it is recorded once. `numbers` are those
    of classes that are not shown.

    Raises:
        Refused: no such batch waits, or it was refused for something else.
        ConfigurationError: a class that is not shown has another number, or none was named.
    """
    refused = pick_refused(workspace, name)
    changes = _changes(workspace, refused)
    if not changes.anything:
        rule = f"{refused.batch[:12]} waits for a change of the schema"
        came = "; ".join(refused.reasons).rstrip(".") or "another reason"
        command = "ingest" if refused.kind == "rows" else "label"
        remedy = (
            f"Nothing of it can be accepted: send a mended file with `perennial {command} "
            f"{workspace.name} FILE`, or mend the rules and `perennial retry {workspace.name} "
            f"{refused.batch[:12]}`."
        )
        raise Refused(f"pipeline {workspace.name}", rule, came, remedy)
    changes = _named(workspace, refused, changes, numbers)
    told = plain(changes)
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    entry = Entry(
        # by what was accepted, too: tried again, the batch may show another change
        id=f"schema-{refused.batch[:32]}-{digest[:12]}",
        at=datetime.now(UTC),
        pipeline=workspace.name,
        kind="schema",
        version=None,
        by=by,
        summary=f"{refused.object.rpartition('/')[2]}: {'; '.join(changes.sentences)}",
        figures={"batch": refused.batch, "object": refused.object, "changes": told},
    )
    with external_write("schema.ledger"):
        workspace.ledger.append(entry)
    return refused, entry


def _named(
    workspace: Workspace, refused: RefusedBatch, changes: SchemaChanges, numbers: Sequence[int]
) -> SchemaChanges:
    """Return the changes with the classes of these numbers by name."""
    known = range(1, len(changes.concealed) + 1)
    wrong = [number for number in numbers if number not in known]
    if wrong or (changes.concealed and not numbers):
        rule = f"it is the number of a class of {refused.batch[:12]} that is not shown"
        places = ", ".join(f"{row:,}" for row in changes.concealed)
        remedy = f"They stand in its rows {places}; look there, then name 1 to {len(known)}."
        came = ", ".join(map(str, wrong)) or None
        raise ConfigurationError("--class", rule, came, remedy if known else "Leave it out.")
    if not numbers:
        return changes
    rows = [changes.concealed[number - 1] for number in numbers]
    words = _read_target(workspace, refused, rows)
    return replace(changes, classes=(*changes.classes, *words), concealed=())


def _read_target(workspace: Workspace, refused: RefusedBatch, rows: Sequence[int]) -> list[str]:
    """Return the target of some rows of a refused batch, as it lies in quarantine."""
    pipeline, found = workspace.pipeline, dict[int, Any]()
    with scratch(workspace.home) as folder:
        key = find_object(workspace, refused)
        workspace.bucket.download(key, folder / "object")
        name = key.rpartition("/")[2]
        source = open_source(folder / "object", name, pipeline.data.max_bytes, pipeline.source)
        start = 1
        for piece in source.pieces(schema_of({pipeline.target: "string"})):
            values, end = piece.table.column(0), start + piece.table.num_rows
            found |= {row: values[row - start].as_py() for row in rows if start <= row < end}
            start = end
    return [found[row] for row in rows]


def _changes(workspace: Workspace, refused: RefusedBatch) -> SchemaChanges:
    key = Entrance(refused.kind, workspace.layout).quarantine(refused.batch) + REPORT
    told: Any = read_document(workspace.bucket, "validation report", key).get("changes")
    # a report of a release before schema changes has none
    return SchemaChanges() if told is None else read(SchemaChanges, told, key)
