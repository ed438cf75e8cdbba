"""JSON lines, plain or gzipped: one object a line, those inside of it unfolded."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.arrays import Integers
from tasks.letters import compose
from tasks.policy.reading import count_text
from tasks.readers.coerce import coerce
from tasks.readers.infer import TextKind, infer_kinds
from tasks.readers.kinds import NUMERIC, TIMES, TYPES, kind_of
from tasks.readers.options import PLAIN, SourceOptions
from tasks.readers.problem import FEW, Problem
from tasks.readers.source import (
    MAX_COLUMNS,
    MIB,
    BadBatch,
    Piece,
    check_names,
    offered,
    shape_piece,
)
from tasks.readers.stream import BOM, TextStream
from tasks.readers.unfold import find_objects, unfold

BLOCK = 8 * MIB
LONGEST = 16 * MIB  # bytes of a line; what is longer has no line ends
KINDS: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
# Exact types: Python's True is an int, JSON's true is no number.
ALLOWED: dict[str, frozenset[type]] = {
    "integer": frozenset({int, float}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
}
TEXT = frozenset({str})  # of all other kinds
Row = dict[str, Any]


class JsonLinesSource:
    """A file with one JSON object a line, its values text, numbers, booleans, null, or objects."""

    def __init__(self, path: Path, limit: int, options: SourceOptions = PLAIN) -> None:
        self._path = path
        self._limit = limit
        self._options = options
        self._found: tuple[str, ...] | None = None
        self.types: dict[str, set[type]] = {}  # of the values, column by column, once read

    def names(self) -> tuple[str, ...]:
        if self._found is None:
            found: dict[str, None] = {}
            for rows in self._blocks():
                for row in rows:
                    found.update(dict.fromkeys(row))
                _check_count(found)
            hollow = find_objects(found)
            for rows in self._blocks() if hollow else ():
                hollow -= {name for name in hollow for row in rows if row.get(name) is not None}
            self._found = self._checked(found, hollow)
        return offered(self._found, self._options)

    def infer(self) -> dict[str, str]:
        kinds: dict[str, set[str]] = {}
        texts: dict[str, TextKind] = {}
        for rows in self._blocks():
            for name in {name: None for row in rows for name in row}:
                values = [row[name] for row in rows if row.get(name) is not None]
                seen = kinds.setdefault(name, set())
                seen |= {KINDS.get(type(value), "string") for value in values}
                words = [value for value in values if isinstance(value, str)]
                texts.setdefault(name, TextKind()).see(pa.array(words, pa.string()))
            _check_count(kinds)
        hollow = {name for name in find_objects(kinds) if not kinds[name]}
        self._found = self._checked(kinds, hollow)
        widest = {name: _widest(seen, texts[name]) for name, seen in kinds.items()}
        options = self._options
        told = [name for name in self.names() if name in options.columns or name in options.derive]
        widest |= infer_kinds(self.batches(), told, options)
        return {name: widest[name] for name in self.names()}

    def pieces(self, schema: pa.Schema) -> Iterator[Piece]:
        for rows in self._blocks():
            columns: list[Any] = []
            bad: dict[str, Integers] = {}
            retyped: dict[str, str] = {}
            told = shape_piece(self._told(rows), schema, self._options)
            for field in schema:
                name, kind = field.name, kind_of(field.type) or ""
                if name in self._options.columns or name in self._options.derive:
                    columns.append(told.table.column(name).combine_chunks())
                    bad |= {name: told.bad[name]} if name in told.bad else {}
                    continue
                values = [row.get(name) for row in rows]
                array, wrong = _array(values, kind)
                columns.append(array)
                if len(wrong):
                    bad[name] = wrong
                elif kind == "integer" and float in set(map(type, values)):
                    retyped[name] = "number as integer"
            yield Piece(pa.table(columns, schema=schema), bad, retyped)

    def batches(self) -> Iterator[pa.RecordBatch]:
        for rows in self._blocks():
            names = dict.fromkeys((*self.names(), *self._parts()))
            for name in names:
                self.types.setdefault(name, set()).update(type(row.get(name)) for row in rows)
            yield _texts(rows, names)

    def unusable(self) -> dict[str, str]:
        """Return the columns of the first block that no table of ours can hold, such as lists."""
        faults: dict[str, str] = {}
        for rows in islice(self._read(), 1):
            for row in rows:
                faults |= unfold(row, self._options.leave_out)[1]
        return faults

    def _checked(self, names: Iterable[str], hollow: Collection[str]) -> tuple[str, ...]:
        # an object that is null in some rows is no column of its own
        kept = tuple(name for name in names if name not in hollow)
        return check_names(kept, self._options.leave_out)

    def _parts(self) -> list[str]:
        return [part for derived in self._options.derive.values() for part in derived.of]

    def _told(self, rows: list[Row]) -> pa.RecordBatch:
        return _texts(rows, dict.fromkeys((*self._options.columns, *self._parts())))

    def _blocks(self) -> Iterator[list[Row]]:
        done = 0
        for rows in self._read():
            yield _unfolded(rows, self._options.leave_out, done)
            done += len(rows)

    def _read(self) -> Iterator[list[Row]]:
        done = 0
        with TextStream(self._path, self._limit) as stream:
            for lines in _lines(stream):
                rows = _parsed(lines, done)
                done += len(rows)
                if rows:
                    yield rows


def _texts(rows: list[Row], names: Iterable[str]) -> pa.RecordBatch:
    """Return columns of rows as texts; true, 7 and 0.5 as JSON writes them."""
    columns = {
        name: [
            value if value is None or type(value) is str else json.dumps(value)
            for value in (row.get(name) for row in rows)
        ]
        for name in names
    }
    return pa.RecordBatch.from_pydict(columns, pa.schema(dict.fromkeys(columns, pa.string())))


def _widest(seen: set[str], texts: TextKind) -> str:
    if seen == {"string"}:
        # A number or a truth value in quotes is a text, and read as one.
        return texts.kind if texts.kind in TIMES else "string"
    if seen == set(NUMERIC):
        return "number"
    return next(iter(seen)) if len(seen) == 1 else "string"


def _check_count(names: dict[str, Any]) -> None:
    # Early: a file with other names in each row would fill the memory before its end.
    if len(names) > MAX_COLUMNS:
        check_names(tuple(names))


def _lines(stream: TextStream) -> Iterator[list[bytes]]:
    rest, mark = b"", BOM
    while data := stream.read(BLOCK):
        *lines, rest = (rest + data.removeprefix(mark)).split(b"\n")
        mark = b""
        if len(rest) > LONGEST:
            message = f"A line is longer than {LONGEST // MIB} MiB."
            raise BadBatch(Problem("width", None, message))
        yield lines
    yield [rest]


def _parsed(lines: list[bytes], done: int) -> list[Row]:
    rows: list[Row] = []
    wrong: list[int] = []
    torn: list[int] = []
    for line in lines:
        if not line.strip():
            continue
        # By itself, json takes NaN, and the last of two values under one name.
        try:
            row = json.loads(line, parse_constant=_refuse, object_pairs_hook=_object)
        except (ValueError, RecursionError):
            row = None
        rows.append(row if isinstance(row, dict) else {})
        if not isinstance(row, dict):
            wrong.append(done + len(rows))
        # JSON can spell half of a UTF-16 pair, which is no text; only an escape can.
        elif b"\\u" in line and not _encodable(row):
            torn.append(done + len(rows))
    problems = []
    if wrong:
        count = count_text(len(wrong), "line is", "lines are")
        message = (
            f"{count} not one JSON object: another value, a name twice, NaN or Infinity, or no "
            "JSON at all."
        )
        problems.append(Problem("JSON", None, message, tuple(wrong[:FEW])))
    if torn:
        count = count_text(len(torn), "line holds", "lines hold")
        message = f"{count} half of a surrogate pair, which is no text."
        problems.append(Problem("encoding", None, message, tuple(torn[:FEW])))
    if problems:
        raise BadBatch(*problems)
    return rows


def _unfolded(rows: list[Row], leave_out: Collection[str], done: int) -> list[Row]:
    """Return the rows without objects in them, and refuse what no table can hold."""
    flat: list[Row] = []
    faults: dict[str, str] = {}
    places: list[int] = []
    for place, row in enumerate(rows, start=done + 1):
        unfolded, wrong = unfold(row, leave_out)
        flat.append(unfolded)
        if wrong:
            faults |= wrong
            places.append(place)
    if faults:
        told = ", ".join(f"{name[:80]} ({why})" for name, why in faults.items())
        remedy = json.dumps(list(faults), ensure_ascii=False)
        message = f"A table cannot hold {told}. Leave them out: source.leave_out: {remedy}."
        raise BadBatch(Problem("JSON", None, message, tuple(places[:FEW])))
    return flat


def _encodable(row: Row) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(_: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


def _object(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a name came twice")
    if any(not name.isascii() for name in row):
        return {compose(name): value for name, value in row.items()}
    return row


def _array(values: list[Any], kind: str) -> tuple[Any, Integers]:
    types = set(map(type, values))
    wrong: list[int] = []
    allowed = ALLOWED.get(kind, TEXT) | {type(None)}
    if types - allowed:
        wrong = [place for place, value in enumerate(values) if type(value) not in allowed]
    if int in types and kind in NUMERIC:
        # Python's integers have no end, Arrow's have 64 bits.
        wrong += [
            place
            for place, value in enumerate(values)
            if type(value) is int and not -(2**63) <= value < 2**63
        ]
    for place in wrong:
        values[place] = None
    if kind in NUMERIC:
        # Arrow infers one type for all: an integer among floats would be refused past 2^53.
        if any(type(value) is float for value in values):
            values = [None if value is None else float(value) for value in values]
        array = pa.array(values)
        if array.type == pa.null():
            array = array.cast(TYPES[kind])
    else:
        array = pa.array(values, pa.bool_() if kind == "boolean" else pa.string())
    array, bad = coerce(array, kind)
    return array, np.unique(np.concatenate([bad, np.array(wrong, np.int64)])) if wrong else bad
