"""The columns and types that a batch must have, and how its own names compare with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from expectations.suite import OPEN, Suite
from tasks.config import Pipeline
from tasks.config.choices import RESERVED
from tasks.errors import ConfigurationError
from tasks.readers.kinds import TIMES, kinds_of, schema_of
from tasks.readers.problem import Problem
from tasks.validation.changes import SchemaChanges, find_new_name
from tasks.validation.updates import KnownRows

MISSING, UNEXPECTED = "missing column", "unexpected column"
TARGET_LATER = "It is the target: where it comes later, set monitoring.labels: delayed."


def agreed_schema(pipeline: Pipeline, suite: Suite, table: pa.Schema | None) -> pa.Schema | None:
    """Return the schema a batch must have: the curated table's own columns, else the suite's.

    None where the first batch decides.

    Raises:
        ConfigurationError: the suite leaves out a column that the pipeline names, or its event
            time is no time.
    """
    if table is not None:
        return schema_of(kinds_of(table))
    if suite.columns is None:
        return None
    for name in (*pipeline.placed_by, pipeline.target):
        if name not in suite.columns:
            remedy = f"Add {name} to the suite's columns."
            raise ConfigurationError(pipeline.suite, f"columns hold {name}", "none", remedy)
    kind = suite.columns[pipeline.event_time] if pipeline.event_time else None
    if kind not in (*TIMES, None):
        rule = f"{pipeline.event_time} is a timestamp or a date"
        raise ConfigurationError(pipeline.suite, rule, kind, "Change its kind.")
    return schema_of({name: kind for name, kind in suite.columns.items() if kind != OPEN})


@dataclass(frozen=True, eq=False)
class Agreed:
    """What earlier batches and a person settled; nothing before the first batch.

    Attributes:
        columns: the curated table's own.
        known: compares rows with those of the table.
        classes: the target's values that are learned from so far.
        open: columns that came without any value so far: the first one settles their kind.
        accepted: changes that a person accepted.
    """

    columns: pa.Schema | None = None
    known: KnownRows | None = None
    classes: tuple[Any, ...] = ()
    open: frozenset[str] = frozenset()
    accepted: SchemaChanges = field(default_factory=SchemaChanges)

    def takes(self, name: str, suite: Suite) -> bool:
        """Whether a column that the table has not may come all the same."""
        return name in self.open or name in self.accepted.added or name in (suite.columns or {})

    def spares(self, name: str, suite: Suite) -> bool:
        """Whether a batch may come without a column that the table has."""
        return name in self.accepted.lost or (
            self.columns is not None and suite.columns is not None and name not in suite.columns
        )


def widen(schema: pa.Schema, agreed: Agreed, suite: Suite) -> pa.Schema:
    """Return the schema with whole numbers as numbers, where a person or the suite says so."""
    kinds = kinds_of(schema)
    for name, kind in kinds.items():
        said = name in agreed.accepted.widened or (suite.columns or {}).get(name) == "number"
        kinds[name] = "number" if kind == "integer" and said else kind
    return schema_of(kinds)


def required_columns(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the columns every batch needs values in."""
    target = () if pipeline.monitoring.labels == "delayed" else (pipeline.target,)
    return tuple(dict.fromkeys((*pipeline.placed_by, *target)))


def name_problems(
    names: Sequence[str],
    schema: pa.Schema | None,
    pipeline: Pipeline,
    suite: Suite,
    agreed: Agreed,
) -> tuple[Problem, ...]:
    """Compare a batch's column names with the schema, or with what the pipeline needs.

    What the suite or a person added to the contract, or took from it, is no problem.
    """
    wanted = tuple(schema.names) if schema is not None else required_columns(pipeline)
    needed = set(required_columns(pipeline))
    optional = {pipeline.target} - needed
    optional |= {name for name in wanted if agreed.spares(name, suite)} - needed
    missing = [name for name in wanted if name not in names and name not in optional]
    extra = [] if schema is None else [name for name in names if name not in schema.names]
    extra = [name for name in extra if not agreed.takes(name, suite)]
    renamed = {name: find_new_name(name, extra) for name in missing}
    # A file without its header has values for names, and where a personal column is missing, a
    # person's: such names are told by position.
    hidden = bool(set(pipeline.data.personal) - set(names))
    problems = []
    for name in missing:
        message = "The batch has no such column."
        if renamed[name] is not None and not hidden:
            message += f" Was it renamed to {renamed[name]}?"
        elif name == pipeline.target:
            message += f" {TARGET_LATER}"
        problems.append(Problem(MISSING, name, message))
    for position, name in enumerate(names, start=1):
        shown = f"column {position}" if hidden else name[:80]
        if name.casefold() in RESERVED:
            message = "The table uses this name. Rename it, or list it under source.leave_out."
            problems.append(Problem("reserved column", name, message))
        elif name in extra:
            message = "The contract has no such column. Drop it, or add it to the contract."
            problems.append(Problem(UNEXPECTED, shown, message))
    return tuple(problems)
