"""Whether the target's values of a batch are classes that the pipeline knows. Pure.

A class that appears in a multiclass target is learned from. Held are values that look like another
spelling of a known class, or of each other, a batch of which no value is known (another coding),
and a third class of a binary target: from any of these on, a training would fail, or learn one
class as two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.config import Pipeline
from tasks.errors import bounded
from tasks.policy.reading import count_text
from tasks.readers.private import conceal
from tasks.readers.problem import FEW, Problem
from tasks.readers.spelling import find_spelling, find_twins

MOST = 1000  # classes, as many as a training takes
SHOWN = 30  # characters of a value


@dataclass(frozen=True)
class ClassesFound:
    """Why a batch is held for its target's values, and the classes that appear with it.

    `acceptable` are values, as texts, that a person may accept as classes of their own, and
    `concealed` the rows, from 1, that hold those which read like data of a person.
    """

    problems: tuple[Problem, ...] = ()
    appeared: tuple[Any, ...] = ()
    acceptable: tuple[str, ...] = ()
    concealed: tuple[int, ...] = ()


def judge_classes(
    came: Mapping[Any, tuple[int, int]],
    known: Sequence[Any],
    pipeline: Pipeline,
    accepted: Sequence[str] = (),
) -> ClassesFound:
    """Judge the target's values of a batch, or of a file of labels.

    Args:
        came: each value with how many rows have it, and the number of the first one, from 1.
        known: the values that are learned from so far; none before the first batch.
        pipeline: says the task, the target, and whether its values are personal.
        accepted: values, as texts, that a person accepted as classes of their own.

    >>> file = Pipeline(name="a", task="multiclass", target="y")
    >>> judge_classes({"c": (5, 1), "a": (1, 2)}, ["a", "b"], file).appeared
    ('c',)
    >>> judge_classes({"A.": (5, 1)}, ["A", "b"], file).problems[0].message
    'A. is no known class; the nearest known spelling is A (known: A, b).'
    >>> judge_classes({"a": (5, 1), "A": (1, 2), "b": (3, 4)}, [], file).problems[0].message
    'A is a in another spelling, and would be learned as another class.'
    """
    if pipeline.task == "regression" or not came:
        return ClassesFound()
    target = pipeline.target
    strange = [value for value in came if value not in known and str(value) not in accepted]
    together = len(known) + len(strange)
    if together > MOST:
        message = f"{together:,} different values; a class target has at most {MOST:,}. "
        message += "If it is a quantity, set `task: regression`."
        return ClassesFound((Problem("classes", target, message),))
    nearest = {value: find_spelling(value, known) for value in strange}
    respelled = [value for value in strange if nearest[value] is not None]
    twins = find_twins({value: came[value][0] for value in strange if value not in respelled})
    coded = len(known) > 1 and len(strange) == len(came)
    third = pipeline.task == "binary" and together > 2
    if not (respelled or coded or third or twins):
        return ClassesFound(appeared=tuple(strange) if known else ())
    # before the first batch no class is known: only what doubles another is in doubt
    doubted = list(twins) if twins and not (known or third) else strange
    rows = {value: came[value][1] for value in doubted}
    near = {value: nearest[value] for value in respelled}
    return _hold(rows, near, known, twins, pipeline, third=third)


def _hold(
    rows: Mapping[Any, int],
    nearest: Mapping[Any, Any],
    known: Sequence[Any],
    twins: Mapping[str, str],
    pipeline: Pipeline,
    *,
    third: bool,
) -> ClassesFound:
    """Say why values are held, each with its first row, and which of them a person may accept."""
    target, personal = pipeline.target, pipeline.data.personal
    quoted = {value: conceal(value, personal) for value in rows}
    if target in personal:
        count = count_text(len(rows), "value is no known class", "values are no known classes")
        message = f"{count}."
    else:
        near = {quoted[value]: text for value, text in nearest.items()}
        pairs = {quoted[twin]: conceal(text, personal) for twin, text in twins.items()}
        message = _say(list(quoted.values()), near, known, pairs)
    # words that are all known in another spelling make no third class
    more = third and len(nearest) < len(rows)
    message += " If there are more than two, set `task: multiclass`." if more else ""
    problem = Problem("unknown class", target, message, tuple(sorted(rows.values())[:FEW]))
    if third or target in personal:
        return ClassesFound((problem,))
    shown = tuple(str(value) for value, told in quoted.items() if told == value)
    # what may not be quoted is told by where it stands
    concealed = sorted(rows[value] for value, told in quoted.items() if told != value)
    return ClassesFound((problem,), (), shown, tuple(concealed))


def _say(
    strange: Sequence[Any],
    nearest: Mapping[Any, Any],
    known: Sequence[Any],
    twins: Mapping[Any, Any],
) -> str:
    doubled = " ".join(
        f"{bounded(twin, SHOWN)} is {bounded(text, SHOWN)} in another spelling, and would be "
        "learned as another class."
        for twin, text in list(twins.items())[:FEW]
    )
    if not known:
        several = f"A binary target has two classes; the batch has {_listed(strange)}."
        return doubled if len(twins) == len(strange) else f"{several} {doubled}".rstrip()
    if not nearest:
        verb = "is" if len(strange) == 1 else "are"
        return (
            f"{_listed(strange)} {verb} no known class; known: {_listed(known)}. {doubled}".rstrip()
        )
    told = "; ".join(f"{bounded(value, SHOWN)} is no known class" for value in list(nearest)[:FEW])
    spelled = _listed(list(nearest.values()))
    return f"{told}; the nearest known spelling is {spelled} (known: {_listed(known)})."


def count_values(rows: pl.LazyFrame, column: str) -> dict[Any, tuple[int, int]]:
    """Return each value of a column with how many rows have it, and the first one's number.

    >>> count_values(pl.LazyFrame({"y": ["b", None, "a", "b"]}), "y")
    {'b': (2, 1), 'a': (1, 3)}
    """
    numbered = rows.select(column).with_row_index("_row", offset=1).drop_nulls(column)
    counted = numbered.group_by(column).agg(pl.len().alias("_count"), pl.col("_row").min())
    found = counted.sort("_row").collect(engine="streaming")
    return {value: (count, row) for value, count, row in found.iter_rows()}


def _listed(values: Sequence[Any]) -> str:
    named = ", ".join(bounded(value, SHOWN) for value in list(values)[:FEW])
    return named if len(values) <= FEW else f"{named} and {len(values) - FEW} more"
