"""The text of a drafted suite: what the next file must be like, with room to differ. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import datetime

from expectations.suite import OPEN
from tasks.drafting.draft import Draft
from tasks.readers.kinds import NUMERIC
from tasks.readers.options import Reading
from tasks.readers.study import ColumnStudy

WIDTH = 88  # of a line, inside the tuple
SMALL = 20  # values that a closed set lists
# Values that may lie outside: a new category, a record price. More are a mistake of the sender.
MOSTLY_SET, MOSTLY_RANGE = 0.95, 0.99
# Beyond so many features each costs an ingest more than it finds: kinds and names are held anyway.
MOST_FEATURES = 100
MORE = 100  # times the rows of the first file


def suite_text(made: Draft) -> str:
    """Return the Python of a suite that the data file itself meets."""
    rows = made.study.rows
    columns = (
        f"            {_text(name)}: {_text(OPEN if column.missing == rows else column.kind)},\n"
        for name, column in made.study.columns.items()
    )
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
        f"        columns={{\n{''.join(columns)}        }},\n"
        f"        expectations=(\n{body}        ),\n"
        "    )\n"
    )


def _text(text: str) -> str:
    # Quoted so, no column's name can become code: a JSON string is one of Python.
    return json.dumps(text, ensure_ascii=False)


def _expect(rule: str, **arguments: str) -> list[str]:
    """Return an expectation on as many lines as it needs; arguments are code."""
    said = [f"{name}={code}" for name, code in arguments.items()]
    whole = f"gxe.Expect{rule}({', '.join(said)}),"
    if len(whole) <= WIDTH:
        return [whole]
    inner = ", ".join(said)
    lines = [inner] if len(inner) <= WIDTH - 4 else [f"{part}," for part in said]
    return [f"gxe.Expect{rule}(", *(f"    {line}" for line in lines), "),"]


def _lines(made: Draft) -> Iterator[str]:
    yield "# An empty file passes every other check; a hundred times the first is a mistake."
    most = _round(made.study.rows * MORE, math.ceil)
    yield from _expect("TableRowCountToBeBetween", min_value="1", max_value=str(most))
    if made.key:
        yield "# The key."
        for name in made.key:
            yield from _present(name)
        if len(made.key) > 1:
            listed = ", ".join(map(_text, made.key))
            yield from _expect("CompoundColumnsToBeUnique", column_list=f"[{listed}]")
        else:
            yield from _expect("ColumnValuesToBeUnique", column=_text(made.key[0]))
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
    yield from _present(column.name)
    if isinstance(column.least, datetime) and isinstance(column.most, datetime):
        least, most = max(1, column.least.year - 10), min(9999, max(2100, column.most.year + 10))
        ends = {"min_value": f"datetime({least}, 1, 1)", "max_value": f"datetime({most}, 1, 1)"}
        yield from _expect("ColumnValuesToBeBetween", column=_text(column.name), **ends)


def _target(made: Draft) -> Iterator[str]:
    yield "# The target; rows without it are kept until it comes."
    warning = {"mostly": "0.5", "severity": '"warning"'}
    yield from _expect("ColumnValuesToNotBeNull", column=_text(made.target), **warning)
    # Classes are held at the door anyway, and `perennial schema` accepts new ones.
    if made.task.task == "regression":
        yield from _range(made.study.columns[made.target])


def _feature(column: ColumnStudy, rows: int) -> Iterator[str]:
    if 2 * column.missing < rows:
        # Twice the share that is missing now, and five points: the next file may be worse.
        mostly = max(0.0, round(1 - 2 * column.missing / rows - 0.05, 2))
        yield from _present(column.name, mostly=str(mostly))
    if column.kind in NUMERIC:
        yield from _range(column)
    elif column.kind == "string":
        yield from _set(column)


def _present(name: str, **arguments: str) -> list[str]:
    return _expect("ColumnValuesToNotBeNull", column=_text(name), **arguments)


def _range(column: ColumnStudy) -> Iterator[str]:
    least, most = column.least, column.most
    if not isinstance(least, int | float) or not isinstance(most, int | float):
        return
    span = float(most) - float(least)
    if not 0 < span < math.inf:
        return
    # As far again on both sides; what is never below nothing begins there by nature.
    low = 0 if 0 <= least <= span else _round(least - span, math.floor)
    ends = {"min_value": str(low), "max_value": str(_round(most + span, math.ceil))}
    name = _text(column.name)
    yield from _expect("ColumnValuesToBeBetween", column=name, **ends, mostly=str(MOSTLY_RANGE))


def _set(column: ColumnStudy) -> Iterator[str]:
    if column.distinct is None or len(column.levels) < column.distinct:
        return
    # levels are as they are written; what is read of them stands in the table
    reading = column.reading or Reading()
    levels = {level.strip(reading.strip) if reading.strip else level for level in column.levels}
    values = sorted(levels - {"", *reading.missing})
    if not 2 <= len(values) <= SMALL:
        return
    listed, name = ", ".join(map(_text, values)), _text(column.name)
    share = str(MOSTLY_SET)
    yield from _expect("ColumnValuesToBeInSet", column=name, value_set=f"[{listed}]", mostly=share)


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
