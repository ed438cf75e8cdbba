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
from tasks.readers.private import conceal
from tasks.readers.problem import FEW, Problem
from tasks.readers.spelling import find_spelling, find_twins

MOST = 1000  # classes, as many as a training takes
SHOWN = 30  # characters of a value


@dataclass(frozen=True)
class ClassesFound:
    """Why a batch is held for its target's values, and the classes that appear with it.

    `acceptable` are values, as texts, that a person may accept as classes of their own.
    """

    problems: tuple[Problem, ...] = ()
    appeared: tuple[Any, ...] = ()
    acceptable: tuple[str, ...] = ()


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
    rows = tuple(sorted(came[value][1] for value in doubted)[:FEW])
    quoted, hidden = _quote(doubted, pipeline)
    near = {quoted[value]: nearest[value] for value in respelled}
    pairs = {quoted[twin]: conceal(text, pipeline.data.personal) for twin, text in twins.items()}
    message = f"{len(doubted)} values are no known classes."
    if target not in pipeline.data.personal:
        message = _say(list(quoted.values()), near, known, pairs)
    message += " If there are more than two, set `task: multiclass`." if third else ""
    acceptable = () if third or hidden else tuple(str(value) for value in doubted)
    return ClassesFound((Problem("unknown class", target, message, rows),), (), acceptable)


def _quote(values: Sequence[Any], pipeline: Pipeline) -> tuple[dict[Any, Any], bool]:
    """Return each value as it may be quoted, and whether any may not be quoted as it is."""
    personal = pipeline.data.personal
    quoted = {value: conceal(value, personal) for value in values}
    hidden = pipeline.target in personal or any(v != shown for v, shown in quoted.items())
    # what may not be quoted cannot be accepted by its name either
    return quoted, hidden


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
