"""The contract as it stands, which refused batches wait for a change of it, and accepting one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.errors import Refused
from tasks.faults import external_write
from tasks.ingestion.agreement import find_agreed
from tasks.ingestion.entrance import Entrance, Kind, read_document
from tasks.ingestion.quarantine import REPORT
from tasks.ingestion.retry import RefusedBatch, find_refused, pick_refused
from tasks.ledger.entry import Entry
from tasks.readers.kinds import kind_of
from tasks.records import plain, read
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


def accept_changes(workspace: Workspace, name: str, by: str) -> tuple[RefusedBatch, Entry]:
    """Record that a person accepts the schema of a refused batch, which may then be tried again.

    It holds for every batch from then on. Accepted twice, it is recorded once.

    Raises:
        Refused: no such batch waits, or it was refused for something else.
    """
    refused = pick_refused(workspace, name)
    changes = _changes(workspace, refused)
    if not changes.anything:
        rule = f"{refused.batch[:12]} waits for a change of the schema"
        came = "; ".join(refused.reasons) or "another reason"
        remedy = f"Mend the file, or the file's rules, and `perennial retry {workspace.name} …`."
        raise Refused(f"pipeline {workspace.name}", rule, came, remedy)
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


def _changes(workspace: Workspace, refused: RefusedBatch) -> SchemaChanges:
    key = Entrance(refused.kind, workspace.layout).quarantine(refused.batch) + REPORT
    told: Any = read_document(workspace.bucket, "validation report", key).get("changes")
    # a report of a release before schema changes has none
    return SchemaChanges() if told is None else read(SchemaChanges, told, key)
