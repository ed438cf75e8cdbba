"""The rows of a request as the model takes them, or everything that is wrong with them. Pure.

A request is read value by value, a training set column by column (`tasks.features.prepare`). Both
make the same numbers and texts of a row, which a test holds them to.

Why not `prepare` itself, nor a typed decoder: measured for one row of ten fields, reading takes
3 µs here and 1.1 ms by way of a frame, a hundred times what the model takes. A typed msgspec
struct is faster still, but tells the first error only, and refuses a number for a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.errors import DataError, bounded, did_you_mean
from tasks.features.prepare import prepare, prepared_columns
from tasks.features.request import Field, RequestSchema
from tasks.features.schema import FeatureSchema
from tasks.features.transform import Transform
from tasks.features.values import LARGEST, MISSING
from tasks.letters import compose
from tasks.serving.lookup import HistoryLookup
from tasks.serving.problems import (
    ABSENT,
    MOST_PROBLEMS,
    RowProblem,
    Unfit,
    say_made_of,
    say_needed,
    shown,
)
from tasks.serving.values import EMPTY, EXPECTED, READ, Marks, Read, parts_of, read_with_marks

# Asked for by `type`: True is an int to `isinstance`, and no number in a request.
PLAIN = (float, int)
# Unknown names of a request for which the nearest field is looked up.
SUGGESTED = 5
UNKNOWN = "is no field of this model"
LONGEST_NAME = 80


class RequestRows(NamedTuple):
    """Rows as the model takes them: of each a list of numbers and a list of texts.

    `ignored` are the fields that were sent and that the model does not look at, but for the key.
    """

    numbers: list[list[float]]
    texts: list[list[str]]
    ignored: tuple[str, ...] = ()

    def pick(self, places: Sequence[int]) -> RequestRows:
        """Return the rows at these places."""
        return RequestRows(
            [self.numbers[place] for place in places],
            [self.texts[place] for place in places],
            self.ignored,
        )


class Reader:
    """Reads the rows of requests for one model."""

    def __init__(
        self, request: RequestSchema, schema: FeatureSchema, transform: Transform | None = None
    ) -> None:
        self._schema, self._transform = schema, transform
        self._columns = prepared_columns(schema)
        self._example = request.example
        self._fields = {field.name: field for field in request.fields}
        unseen = [field.name for field in request.fields if not field.used]
        self._ignored = frozenset((*unseen, *request.left_out)) - frozenset(request.key)
        self._taken = self._fields.keys() | self._ignored
        self._used = [field for field in request.fields if field.used]
        self._marks = {field.name: Marks(field.marks) for field in self._used if field.marks}
        self._plan = [self._planned(field) for field in self._used]
        kinds = {feature.name: feature for feature in schema.features} if transform is None else {}
        # what a history is looked up by may be no feature
        used = [
            (place, kinds[field.name])
            for place, field in enumerate(self._used)
            if field.name in kinds
        ]
        self.lookup = None if schema.history is None else HistoryLookup(schema.history, self._used)
        self._numbers = [(place, part) for place, feature in used for part in parts_of(feature)]
        # as `prepared_columns` orders them: free texts behind the categories
        self._texts = [
            place
            for kind in ("category", "text")
            for place, feature in used
            if feature.kind == kind
        ]

    def read(self, rows: Sequence[Any]) -> RequestRows:
        """Return what the model takes.

        Raises:
            Unfit: values are missing, of another kind or unknown; at most 100 problems are told.
        """
        problems: list[RowProblem] = []
        read: list[list[Any]] = []
        ignored: set[str] = set()
        for place, row in enumerate(rows):
            if type(row) is dict:
                read.append(self._row(place, row, problems, ignored))
            else:
                problems.append(RowProblem(place, "", f"a row is an object, not {shown(row)}"))
            if len(problems) >= MOST_PROBLEMS:
                break
        if problems:
            raise Unfit(self._with_suggestions(problems[:MOST_PROBLEMS]))
        if self.lookup is not None:
            self.lookup.fill(rows, read)
        made = self._split(read) if self._transform is None else self._transformed(read)
        return made._replace(ignored=tuple(sorted(ignored))) if ignored else made

    def _planned(self, field: Field) -> tuple[Field, str, bool, Read, Any]:
        read, marks = READ[field.kind], self._marks.get(field.name)
        if marks is not None:
            read = read_with_marks(field.kind, marks)
        # a number that may stand for no value is read by the call, so that no other pays for it
        return field, field.name, field.kind == "number" and marks is None, read, EMPTY[field.kind]

    def _row(
        self, place: int, row: dict[str, Any], problems: list[RowProblem], ignored: set[str]
    ) -> list[Any]:
        """Return the values of the used fields, in order; what is wrong goes to `problems`."""
        unseen, values, sent, before = len(row), [], row.get, len(problems)
        for field, name, is_number, read, empty in self._plan:
            value = sent(name, ABSENT)
            # most values by far, without a call for each
            if is_number and type(value) in PLAIN and -LARGEST <= value <= LARGEST:
                unseen -= 1
                values.append(value)
                continue
            if value is not ABSENT:
                unseen -= 1
                if value is not None:
                    try:
                        made = read(value)
                    except (TypeError, ValueError, OverflowError):
                        why = f"is {EXPECTED[field.kind]}, not {shown(value)}"
                        problems.append(RowProblem(place, name, why))
                        continue
                    if field.missing or (made == made and made is not MISSING):  # noqa: PLR0124
                        values.append(made)
                        continue
            if field.missing:
                values.append(empty)
            else:
                problems.append(RowProblem(place, name, self._needed(field, value)))
        # something was sent that no field took: only then are names looked up
        if unseen:
            composed = {compose(name): value for name, value in row.items()}
            if composed.keys() != row.keys():
                # as another computer writes them: read once more, and what was wrong is told anew
                del problems[before:]
                return self._row(place, composed, problems, ignored)
            ignored |= self._ignored & row.keys()
            unknown = (name for name in row if name not in self._taken)
            # a row may hold any number of names
            problems += [
                RowProblem(place, bounded(name, LONGEST_NAME), UNKNOWN)
                for name in islice(unknown, max(0, MOST_PROBLEMS - len(problems)))
            ]
        return values

    def _needed(self, field: Field, value: object) -> str:
        marks = self._marks.get(field.name)
        told = say_needed(value, is_mark=marks is not None and marks.hold(value))
        if value is ABSENT and field.made_of:
            return told + say_made_of(field.made_of, self._example.get(field.name))
        return told

    def _with_suggestions(self, problems: list[RowProblem]) -> list[RowProblem]:
        """Name the nearest field where a name is unknown; only of the first few."""
        left, told = SUGGESTED, []
        for problem in problems:
            more = ""
            # difflib takes long for many fields, and the caller chooses how often it is asked
            if problem.problem == UNKNOWN and left:
                left, more = left - 1, self._suggest(problem.field)
            told.append(replace(problem, problem=problem.problem + more))
        return told

    def _suggest(self, name: str) -> str:
        # a file's objects were unfolded; in a request each value has the name that it got there
        inner = next((field for field in self._fields if field.startswith(f"{name}.")), None)
        if inner is not None:
            return f"; what is in it is sent flat, as {inner}"
        asked = did_you_mean(name, self._fields)
        return f"; {asked[0].lower()}{asked[1:]}" if asked else ""

    def _split(self, rows: list[list[Any]]) -> RequestRows:
        numbers = [
            [
                values[place] if part is None else part(values[place])
                for place, part in self._numbers
            ]
            for values in rows
        ]
        return RequestRows(numbers, [[values[place] for place in self._texts] for values in rows])

    def _transformed(self, rows: list[list[Any]]) -> RequestRows:
        """Let the user's transform see a frame as it saw one in training."""
        columns = {
            field.name: _series(field, [row[place] for row in rows])
            for place, field in enumerate(self._used)
        }
        try:
            frame = pd.DataFrame(columns, index=range(len(rows)))
            made = prepare(frame, self._schema, self._transform)
        except DataError as error:
            raise Unfit([RowProblem(0, "", f"the transform refuses the rows: {error}")]) from error
        numbers = made[list(self._columns.numbers)].to_numpy(np.float32)
        texts = made[list(self._columns.written)].to_numpy(object)
        return RequestRows(numbers.tolist(), texts.tolist())


def _series(field: Field, values: list[Any]) -> pd.Series:
    if field.kind == "time":
        exact = pd.Series(values, dtype="float64")
        return pd.to_datetime(exact, unit="us").astype("datetime64[us]")
    if field.kind in ("category", "text"):
        return pd.Series([None if text == MISSING else text for text in values], dtype="str")
    return pd.Series(values, dtype="float64")
