"""The text of a drafted suite: what the next file must be like, with room to differ. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime
from pprint import pformat
from typing import Any

from expectations.suite import OPEN
from tasks.drafting.draft import Draft
from tasks.readers.study import ColumnStudy

SMALL = 20  # values that a closed set lists
# Values that may lie outside: a new category, a record price. More are a mistake of the sender.
MOSTLY_SET, MOSTLY_RANGE = 0.95, 0.99
# Beyond so many features each costs an ingest more than it finds: kinds and names are held anyway.
MOST_FEATURES = 100
MORE = 100  # times the rows of the first file


def suite_text(made: Draft) -> str:
    """Return the Python of a suite that the data file itself meets."""
    # Names go through `repr`, here and below: no column's name can become code.
    kinds = {name: _kind(column, made.study.rows) for name, column in made.study.columns.items()}
    listed = pformat(kinds, width=88, sort_dicts=False).replace("\n", "\n        ")
    body = "".join(f"            {line}\n" for line in _lines(made))
    times = "from datetime import datetime\n\n" if "datetime(" in body else ""
    return (
        f'"""What a batch of {made.name} must be like. Drafted from a file; yours to change."""\n\n'
        f"from __future__ import annotations\n\n{times}"
        "import great_expectations.expectations as gxe\n\n"
        "from expectations.suite import Suite\n\n\n"
        "def suite() -> Suite:\n"
        f'    """Return the columns and the expectations of the {made.name} pipeline."""\n'
        "    return Suite(\n"
        "        # The whole contract: a column outside it refuses the batch.\n"
        f"        columns={listed},\n"
        f"        expectations=(\n{body}        ),\n"
        "    )\n"
    )


def _kind(column: ColumnStudy, rows: int) -> str:
    return OPEN if column.missing == rows else column.kind


def _lines(made: Draft) -> Iterator[str]:
    yield "# An empty file passes every other check; a hundred times the first is a mistake."
    most = _round(made.study.rows * MORE, math.ceil)
    yield f"gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value={most}),"
    if made.key:
        yield "# The key."
        yield from (_present(name) for name in made.key)
        several = len(made.key) > 1
        yield (
            f"gxe.ExpectCompoundColumnsToBeUnique(column_list={list(made.key)!r}),"
            if several
            else f"gxe.ExpectColumnValuesToBeUnique(column={made.key[0]!r}),"
        )
    if made.time.column is not None:
        yield from _time(made.study.columns[made.time.column])
    yield from _target(made)
    features = [
        column
        for name, column in made.study.columns.items()
        if name not in {made.target, made.time.column, *made.key, *made.personal, *made.left_out}
    ]
    if len(features) <= MOST_FEATURES:
        yield "# A range alone is met where no value is: beside it stands a share that is known."
        for column in features:
            yield from _feature(column, made.study.rows)


def _time(column: ColumnStudy) -> Iterator[str]:
    yield "# The time."
    yield _present(column.name)
    if isinstance(column.least, datetime) and isinstance(column.most, datetime):
        least, most = max(1, column.least.year - 10), min(9999, max(2100, column.most.year + 10))
        yield (
            f"gxe.ExpectColumnValuesToBeBetween(column={column.name!r}, "
            f"min_value=datetime({least}, 1, 1), max_value=datetime({most}, 1, 1)),"
        )


def _target(made: Draft) -> Iterator[str]:
    column = made.study.columns[made.target]
    yield "# The target; rows without it are kept until it comes."
    yield (
        f"gxe.ExpectColumnValuesToNotBeNull(column={made.target!r}, mostly=0.5, "
        'severity="warning"),'
    )
    # Classes are held at the door anyway, and `perennial schema` accepts new ones.
    if made.task.task == "regression":
        yield from _range(column)


def _feature(column: ColumnStudy, rows: int) -> Iterator[str]:
    if 2 * column.missing < rows:
        # Twice the share that is missing now, and five points: the next file may be worse.
        mostly = max(0.0, round(1 - 2 * column.missing / rows - 0.05, 2))
        yield _present(column.name, mostly)
    if column.kind in ("integer", "number"):
        yield from _range(column)
    elif column.kind == "string":
        yield from _set(column)


def _present(name: str, mostly: float | None = None) -> str:
    share = "" if mostly is None else f", mostly={mostly}"
    return f"gxe.ExpectColumnValuesToNotBeNull(column={name!r}{share}),"


def _range(column: ColumnStudy) -> Iterator[str]:
    least, most = column.least, column.most
    if not isinstance(least, int | float) or not isinstance(most, int | float):
        return
    span = float(most) - float(least)
    if not 0 < span < math.inf:
        return
    # As far again on both sides; what begins next to nothing begins there by nature.
    low = 0 if 0 <= least <= 0.1 * span else _round(least - span, math.floor)
    high = _round(most + span, math.ceil)
    yield (
        f"gxe.ExpectColumnValuesToBeBetween(column={column.name!r}, min_value={low!r}, "
        f"max_value={high!r}, mostly={MOSTLY_RANGE}),"
    )


def _set(column: ColumnStudy) -> Iterator[str]:
    values = typed_levels(column)
    if values is None or not 2 <= len(values) <= SMALL:
        return
    yield (
        f"gxe.ExpectColumnValuesToBeInSet(column={column.name!r}, value_set={values!r}, "
        f"mostly={MOSTLY_SET}),"
    )


def typed_levels(column: ColumnStudy) -> list[Any] | None:
    """Return all values of a column in its type, sorted; None where they are not all known."""
    if column.distinct is None or len(column.levels) < column.distinct:
        return None
    if column.reading is not None and column.kind != "string":
        return None  # levels are as they are written: 1.234,50
    kinds: dict[str, Callable[[str], Any]] = {
        "string": str,
        "integer": lambda text: int(float(text)),
        "number": float,
    }
    try:
        return sorted(map(kinds[column.kind], column.levels)) if column.kind in kinds else None
    except ValueError:
        return None


def _round(value: float, direction: Callable[[float], int]) -> float:
    """Return the next number of two digits in a direction.

    >>> _round(1234, math.ceil), _round(-0.0123, math.floor), _round(7, math.ceil)
    (1300, -0.013, 7)
    """
    if value == 0:
        return 0
    power = math.floor(math.log10(abs(value))) - 1
    if power >= 0:
        return direction(value / 10**power) * int(10**power)
    digits = float(direction(round(value * 10**-power, 9)) / 10**-power)
    return int(digits) if digits.is_integer() else digits
