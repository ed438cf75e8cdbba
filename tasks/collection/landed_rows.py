"""Which rows of a reading are new: those of a table read whole, or read on from a border. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tasks.collection.collector import Cursor
from tasks.collection.seen import MOST, SeenRows
from tasks.errors import ConfigurationError, DataError

Row = Sequence[Any]
WHERE = "source.collect"
LONGER = "Name a column under source.collect.since that grows with new rows."
# Python's type, how a cursor names it, and how it is read again; a datetime is a date too.
KINDS: dict[type, tuple[str, Callable[[str], Any]]] = {
    int: ("integer", int),
    float: ("number", float),
    Decimal: ("decimal", Decimal),
    str: ("text", str),
    datetime: ("timestamp", datetime.fromisoformat),
    date: ("date", date.fromisoformat),
}


class WholeTable:
    """Rows of what is read whole each time: those that landed before are left out.

    A row that was taken away and comes back is new again.

    >>> table = WholeTable(None)
    >>> table.land(table.fresh([("a", 1), ("a", 1)]))
    >>> WholeTable(table.cursor(done=True)).fresh([("a", 1), ("b", 2), ("a", 1), ("a", 1)])
    [('b', 2), ('a', 1)]
    """

    def __init__(self, cursor: Cursor | None) -> None:
        self._earlier = SeenRows() if cursor is None else SeenRows.read(cursor.values["rows"])
        self._now = SeenRows()

    def check_length(self, rows: int) -> None:
        """Refuse a table whose rows are more than are remembered.

        Raises:
            DataError: so many are too many.
        """
        if rows > MOST:
            rule = f"what is read whole each time has at most {MOST:,} rows"
            raise DataError(WHERE, rule, f"{rows:,}", LONGER)

    def fresh(self, rows: Sequence[Row]) -> list[Row]:
        """Return those that did not land yet."""
        known = [self._earlier.take(row) for row in rows]
        self._now.add(row for row, is_known in zip(rows, known, strict=True) if is_known)
        return [row for row, is_known in zip(rows, known, strict=True) if not is_known]

    def land(self, rows: Sequence[Row]) -> None:
        """Count rows as landed."""
        self._now.add(rows)

    def cursor(self, *, done: bool, **more: Any) -> Cursor:
        """Return the place behind what landed; before the reading is `done`, the rest may come.

        Raises:
            DataError: the table is too long to be read whole each time.
        """
        landed = self._now if done else self._now.joined(self._earlier)
        return Cursor.of(rows=landed.text(WHERE, LONGER), **more)


class OrderedRows:
    """Rows in the order of a column, read on from the largest value that landed.

    Those with that value are read again, and the ones that landed are told by their content: a row
    that comes later with the same value is neither lost nor doubled. One that comes later with a
    smaller value is not seen.

    >>> rows = OrderedRows("n", 0, None)
    >>> rows.land(rows.fresh([(1, "a"), (2, "b")]))
    >>> OrderedRows("n", 0, rows.cursor(done=True)).fresh([(2, "b"), (2, "c"), (3, "d")])
    [(2, 'c'), (3, 'd')]
    """

    def __init__(self, name: str, position: int, cursor: Cursor | None) -> None:
        self._name, self._position = name, position
        values = {} if cursor is None else cursor.values
        text = values.get("seen", "")
        self.border = read_value(values["since"]) if values else None
        self._value, self._earlier = self.border, SeenRows.read(text)
        self._seen = SeenRows.read(text)

    def fresh(self, rows: Sequence[Row]) -> list[Row]:
        """Return those that did not land yet.

        Raises:
            DataError: one has no value in the column.
        """
        return [row for row in rows if not self._is_known(row)]

    def land(self, rows: Sequence[Row]) -> None:
        """Count rows as landed, which are in order."""
        if not rows:
            return
        last = rows[-1][self._position]
        if not is_tied(last, self._value):
            self._seen = SeenRows()
        self._value = last
        self._seen.add(row for row in rows if is_tied(row[self._position], last))

    def cursor(self, *, done: bool) -> Cursor:
        """Return the place behind what landed, in the midst of a reading as at its end.

        Raises:
            DataError: too many rows share the value there.
        """
        remedy = f"{self._name} has that many with one value: name a finer column, such as an id."
        seen = self._seen.text(f"{WHERE}.since", remedy)
        return Cursor.of(since=write_value(self._value, self._name), seen=seen)

    def _is_known(self, row: Row) -> bool:
        value = row[self._position]
        if value is None:
            rule = f"every row has a value in {self._name}"
            remedy = "Leave such rows out in the query, or name another column."
            raise DataError(f"{WHERE}.since", rule, "NULL", remedy)
        return is_tied(value, self.border) and self._earlier.take(row)


def is_tied(value: Any, other: Any) -> bool:
    """Say whether a database may hold two values for equal: collations differ about texts.

    >>> is_tied("Ann ", "ann"), is_tied(1, None), is_tied(Decimal("1.0"), 1)
    (True, False, True)
    """
    if isinstance(value, str) and isinstance(other, str):
        return value.casefold().rstrip() == other.casefold().rstrip()
    return bool(value == other)


def write_value(value: Any, name: str) -> dict[str, str] | None:
    """Return a value of a border as a cursor keeps it.

    Raises:
        ConfigurationError: values of that type have no order, or none that can be kept.

    >>> write_value(date(2024, 1, 5), "day")
    {'kind': 'date', 'text': '2024-01-05'}
    >>> read_value(write_value(Decimal("1.50"), "sum"))
    Decimal('1.50')
    """
    if value is None:
        return None
    odd = isinstance(value, float | Decimal) and not math.isfinite(value)
    if type(value) not in KINDS or odd:
        came = str(value) if odd else type(value).__name__
        rule, remedy = f"{name} holds numbers, dates, times or texts", "Name another column."
        raise ConfigurationError(f"{WHERE}.since", rule, came, remedy)
    text = value.isoformat() if isinstance(value, date) else str(value)
    return {"kind": KINDS[type(value)][0], "text": text}


def read_value(written: dict[str, str] | None) -> Any:
    """Return what `write_value` wrote."""
    if written is None:
        return None
    return dict(KINDS.values())[written["kind"]](written["text"])
