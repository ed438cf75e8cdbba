"""The rows of a request as the model takes them, or everything that is wrong with them. Pure.

A request is read value by value, a training set column by column; both through the same functions
of `tasks.features`, so that a row becomes the same numbers and texts on either way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from tasks.errors import DataError, bounded
from tasks.features.prepare import PART, prepare
from tasks.features.request import Field, RequestSchema
from tasks.features.schema import PARTS, Feature, FeatureSchema
from tasks.features.transform import Transform
from tasks.features.values import LARGEST, MISSING, category, moment

Array = np.ndarray[Any, Any]
Feed = Mapping[str, Array]
ABSENT = object()
NAN = float("nan")
MOST_PROBLEMS = 100
LONGEST_TEXT = 10_000
EXPECTED = {
    "number": "a number",
    "boolean": "true or false",
    "category": "a text, a number, true or false",
    "time": "a time as text, written as in ISO 8601",
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with one row: its place from 0, the field (empty for the row), and why."""

    row: int
    field: str
    problem: str


class Unfit(Exception):
    """The rows do not fit the model."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems)


class Reader:
    """Reads the rows of requests for one model."""

    def __init__(
        self, request: RequestSchema, schema: FeatureSchema, transform: Transform | None = None
    ) -> None:
        self._schema, self._transform = schema, transform
        self._fields = {one.name: one for one in request.fields}
        self._used = [one for one in request.fields if one.used]
        self._features = {one.name: one for one in schema.features}
        self._plan = [(one, one.name, READ[one.kind], EMPTY[one.kind]) for one in self._used]

    def read(self, rows: Sequence[Any]) -> Feed:
        """Return what the model takes: (n, 1) float32 numbers and texts by prepared column.

        Raises:
            Unfit: values are missing, of another kind or unknown; at most 100 problems are told.
        """
        columns: list[list[Any]] = [[] for _ in self._plan]
        problems: list[Problem] = []
        for place, row in enumerate(rows):
            if type(row) is not dict:
                problems.append(Problem(place, "", f"a row is an object, not {_shown(row)}"))
            else:
                self._row(place, row, columns, problems)
            if len(problems) >= MOST_PROBLEMS:
                break
        if problems:
            raise Unfit(problems[:MOST_PROBLEMS])
        if self._transform is not None:
            return self._transformed(columns, len(rows))
        return self._feed(columns)

    def _row(
        self,
        place: int,
        row: dict[str, Any],
        columns: list[list[Any]],
        problems: list[Problem],
    ) -> None:
        unseen = len(row)
        for column, (field, name, read, empty) in zip(columns, self._plan, strict=True):
            value = row.get(name, ABSENT)
            if value is not ABSENT:
                unseen -= 1
                if value is not None:
                    try:
                        made = read(value)
                    except (TypeError, ValueError, OverflowError):
                        why = f"is {EXPECTED[field.kind]}, not {_shown(value)}"
                        problems.append(Problem(place, name, why))
                        continue
                    if field.missing or (made == made and made is not MISSING):  # noqa: PLR0124
                        column.append(made)
                        continue
            if field.missing:
                column.append(empty)
            else:
                problems.append(Problem(place, name, _needed(value)))
        if unseen:
            problems += [
                Problem(place, bounded(name, 80), self._unknown(name))
                for name in row
                if name not in self._fields
            ]

    def _unknown(self, name: str) -> str:
        close = get_close_matches(name[:80], self._fields, n=1)
        return "is no field of this model" + (f"; did you mean {close[0]}?" if close else "")

    def _feed(self, columns: list[list[Any]]) -> Feed:
        numbers: dict[str, Any] = {}
        feed: dict[str, Array] = {}
        for (field, name, _, _), values in zip(self._plan, columns, strict=True):
            if field.kind == "category":
                texts = np.empty((len(values), 1), dtype=object)
                texts[:, 0] = values
                feed[name] = texts
            elif field.kind == "time":
                numbers.update(_unfolded(self._features[name], values))
            else:
                numbers[name] = values
        if numbers:
            matrix = np.array(list(numbers.values()), dtype=np.float32)
            feed.update(zip(numbers, matrix[:, :, np.newaxis], strict=True))
        return feed

    def _transformed(self, columns: list[list[Any]], rows: int) -> Feed:
        """Let the user's transform see a frame as it saw one in training."""
        frame = pd.DataFrame(
            {
                name: _series(field, values)
                for (field, name, _, _), values in zip(self._plan, columns, strict=True)
            },
            index=range(rows),
        )
        try:
            made = prepare(frame, self._schema, self._transform)
        except DataError as error:
            raise Unfit([Problem(0, "", f"the transform refuses the rows: {error}")]) from error
        return {
            str(name): made[name].to_numpy(object if made[name].dtype.kind not in "fiub" else None)[
                :, np.newaxis
            ]
            for name in made.columns
        }


def _unfolded(feature: Feature, values: list[Any]) -> dict[str, Array]:
    exact = np.array(values, dtype=np.float64)
    return {f"{feature.name}_{part}": PART[part](exact) for part in feature.parts or PARTS}


def _series(field: Field, values: list[Any]) -> pd.Series:
    if field.kind == "time":
        exact = pd.Series(values, dtype="float64")
        return pd.to_datetime(exact, unit="us").astype("datetime64[us]")
    if field.kind == "category":
        return pd.Series([None if one == MISSING else one for one in values], dtype="str")
    return pd.Series(values, dtype="float64")


def _number(value: Any) -> float:
    if type(value) is not float and type(value) is not int:
        raise TypeError
    try:
        number = float(value)
    except OverflowError:
        return NAN
    return number if -LARGEST <= number <= LARGEST else NAN


def _boolean(value: Any) -> float:
    if value is True or value is False or (type(value) is int and value in (0, 1)):
        return float(value)
    raise TypeError


def _text(value: Any) -> str:
    if type(value) is str:
        if len(value) > LONGEST_TEXT:
            raise ValueError
        return category(value)
    if type(value) in (int, float, bool):
        return category(value)
    raise TypeError


def _time(value: Any) -> float:
    if type(value) is not str:
        raise TypeError
    return moment(value)


def _needed(value: object) -> str:
    if value is ABSENT:
        came = "is missing"
    elif value is None or value == "":
        came = "is null" if value is None else "is empty"
    else:
        came = "is beyond what the model's numbers can hold"
    return f"{came}, and training saw no row without it"


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, bool | int | float) else f"{bounded(value, 60)!r}"


READ: Mapping[str, Callable[[Any], Any]] = {
    "number": _number,
    "boolean": _boolean,
    "category": _text,
    "time": _time,
}
EMPTY: Mapping[str, Any] = {"number": NAN, "boolean": NAN, "category": MISSING, "time": NAN}
