"""What is wrong with the rows of a request, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.errors import bounded
from tasks.policy.reading import count_text

ABSENT = object()
# An answer of 422 stays readable, however many rows are wrong.
MOST_PROBLEMS = 100
# Fields that an exception's text names: it goes into logs.
NAMED = 5


@dataclass(frozen=True)
class RowProblem:
    """What is wrong with one row: its place from 0, the field (empty for the row), and why."""

    row: int
    field: str
    problem: str


class Unfit(Exception):
    """The rows do not fit the model; its text names fields, never what they hold."""

    def __init__(self, problems: Sequence[RowProblem]) -> None:
        self.problems = tuple(problems)
        fields = sorted({problem.field for problem in problems})[:NAMED]
        super().__init__(f"{self.count}, of {', '.join(fields)}")

    @property
    def count(self) -> str:
        """How many problems there are: behind as many as are told, there may be others."""
        told = count_text(len(self.problems), "problem", "problems")
        return told if len(self.problems) < MOST_PROBLEMS else f"at least {told}"


def say_needed(value: object, *, is_mark: bool = False) -> str:
    """Say of a value that is as good as missing that the model needs one.

    >>> say_needed(None)
    'is null, and training saw no row without it'
    >>> say_needed(-999, is_mark=True)
    'is -999, which stands for no value, and training saw no row without it'
    """
    came = "is beyond what the model's numbers can hold"
    if value is ABSENT:
        came = "is missing"
    elif is_mark:
        came = f"is {shown(value)}, which stands for no value"
    elif value is None or value == "":
        came = "is null" if value is None else "is empty"
    return f"{came}, and training saw no row without it"


def say_made_of(parts: Sequence[str], example: object = None) -> str:
    """Say of a column that files do not have that a request has it.

    >>> say_made_of(("date", "hour"), "2023-03-25T12:00")
    '; in files it is made of date and hour: send it, such as 2023-03-25T12:00'
    """
    *first, last = (bounded(part, 80) for part in parts)
    such = "" if example is None else f", such as {example}"
    of = f"{', '.join(first)} and {last}" if first else last
    return f"; in files it is made of {of}: send it{such}"


def shown(value: Any) -> str:
    """Return a value as a problem names it, in a few letters."""
    return repr(value) if isinstance(value, bool | int | float) else f"{bounded(value, 60)!r}"
