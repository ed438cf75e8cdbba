"""Draft a pipeline file and a suite from what a data file holds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pprint import pformat

import yaml


@dataclass(frozen=True)
class Column:
    """What was seen of one column: its kind, the share of missing values, and distinct values."""

    kind: str
    missing: float
    distinct: int


def guess_task(target: Column) -> str:
    """Return the task that a target column suggests.

    >>> guess_task(Column("integer", 0, 2)), guess_task(Column("number", 0, 900))
    ('binary', 'regression')
    """
    if target.distinct <= 2:
        return "binary"
    few = target.distinct <= 30  # digits, months, letters; more is taken for a quantity
    return "multiclass" if target.kind in ("string", "boolean") or few else "regression"


def pipeline_text(
    name: str, task: str, target: str, event_time: str, key: str | None, source: str
) -> str:
    """Return the YAML of a pipeline that says only what has no default.

    Args:
        name, task, target, event_time: as the file's own keys.
        key: the one column that identifies a row, if any.
        source: the name of the data file, for the description.
    """
    content = {
        "name": name,
        "description": f"Predict {target} from {source}.",
        "task": task,
        "target": target,
        "event_time": event_time,
        "key": [key] if key else [],
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return f"# yaml-language-server: $schema=schema.json\n{text}"


def suite_text(name: str, columns: Mapping[str, Column], target: str, needed: list[str]) -> str:
    """Return the Python of a suite that the data file itself meets."""
    # Names go through `repr`, here and below: no column's name can become code.
    kinds = pformat({column_name: column.kind for column_name, column in columns.items()}, width=90)
    # An empty file passes every other check.
    checks = ["gxe.ExpectTableRowCountToBeBetween(min_value=1)"]
    checks += [f"gxe.ExpectColumnValuesToNotBeNull(column={column!r})" for column in needed]
    for column_name, column in columns.items():
        if column_name not in needed and column_name != target and column.missing < 0.5:
            # Twice the share that is missing now, and five points: the next file may be worse.
            mostly = max(0.0, round(1 - 2 * column.missing - 0.05, 2))
            checks.append(
                f"gxe.ExpectColumnValuesToNotBeNull(column={column_name!r}, mostly={mostly})"
            )
    listed = "".join(f"            {check},\n" for check in checks)
    indented = kinds.replace("\n", "\n            ")
    return (
        f'"""What a batch of {name} must look like before it is learned from."""\n\n'
        "from __future__ import annotations\n\n"
        "import great_expectations.expectations as gxe\n\n"
        "from expectations.suite import Suite\n\n\n"
        "def suite() -> Suite:\n"
        f'    """Return the columns and the expectations of the {name} pipeline."""\n'
        "    return Suite(\n"
        f"        columns={indented},\n"
        f"        expectations=(\n{listed}        ),\n"
        "    )\n"
    )
