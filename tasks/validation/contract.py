"""The columns and types that a batch must have, and how its own names compare with them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from expectations.suite import Suite
from tasks.config import Pipeline
from tasks.config.choices import RESERVED
from tasks.errors import ConfigurationError
from tasks.readers.kinds import kind_of, schema_of
from tasks.readers.problem import Problem


def agreed_schema(pipeline: Pipeline, suite: Suite, table: pa.Schema | None) -> pa.Schema | None:
    """Return the schema a batch must have: the curated table's own columns, else the suite's.

    None where the first batch decides.

    Raises:
        ConfigurationError: the suite leaves out a column that the pipeline names, or its event
            time is no time.
    """
    if table is not None:
        return schema_of({field.name: kind_of(field.type) or "string" for field in table})
    if suite.columns is None:
        return None
    for name in (*pipeline.placed_by, pipeline.target):
        if name not in suite.columns:
            remedy = f"Add {name} to the suite's columns."
            raise ConfigurationError(pipeline.suite, f"columns hold {name}", "none", remedy)
    kind = suite.columns[pipeline.event_time] if pipeline.event_time else None
    if kind not in ("timestamp", "date", None):
        rule = f"{pipeline.event_time} is a timestamp or a date"
        raise ConfigurationError(pipeline.suite, rule, kind, "Change its kind.")
    return schema_of(dict(suite.columns))


def required_columns(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the columns every batch needs values in."""
    target = () if pipeline.monitoring.labels == "delayed" else (pipeline.target,)
    return tuple(dict.fromkeys((*pipeline.placed_by, *target)))


def name_problems(
    names: Sequence[str], schema: pa.Schema | None, pipeline: Pipeline
) -> tuple[Problem, ...]:
    """Compare a batch's column names with the schema, or with what the pipeline needs."""
    wanted = tuple(schema.names) if schema is not None else required_columns(pipeline)
    optional = {pipeline.target} - set(required_columns(pipeline))
    missing = [name for name in wanted if name not in names and name not in optional]
    problems = [
        Problem("missing column", name, "The batch has no such column.") for name in missing
    ]
    # A file without its header has values for names, and where a personal column is missing, a
    # person's: such names are told by position.
    hidden = bool(set(pipeline.data.personal) - set(names))
    for position, name in enumerate(names, start=1):
        shown = f"column {position}" if hidden else name[:80]
        if name.casefold() in RESERVED:
            message = "The table uses this name. Rename it, or list it under source.leave_out."
            problems.append(Problem("reserved column", name, message))
        elif schema is not None and name not in schema.names:
            message = "The contract has no such column. Drop it, or add it to the contract."
            problems.append(Problem("unexpected column", shown, message))
    return tuple(problems)
