"""Rows whose key came before: repeated, completed by their target, or with other content. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from tasks.arrays import Mask
from tasks.errors import bounded
from tasks.readers.private import conceal

NEW, REPEATED, COMPLETED, CHANGED = range(4)
WAS = " (before)"  # behind the name of a column, where it is of the earlier row
ROW = "_row"
LONGEST = 40  # characters of a value that an example shows
SHOWN = 2  # columns that an example shows

Kinds = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Again:
    """What (n,) rows are beside earlier ones; and the first changed one: its place, in words."""

    kinds: Kinds
    example: tuple[int, str] | None = None


@dataclass(frozen=True)
class KnownRows:
    """The rows that one version of the curated table holds.

    `meets` takes key columns, and returns for each row whether its key is known; `compare` takes
    whole rows. Most batches meet none: then only the keys are read.
    """

    meets: Callable[[pa.Table], Mask]
    compare: Callable[[pa.Table], Again]


def compare_rows(
    ours: pl.DataFrame,
    theirs: pl.DataFrame,
    key: Sequence[str],
    target: str,
    personal: Sequence[str] = (),
) -> Again:
    """Tell what each row is beside the earlier ones of its key.

    A row is repeated where one of them has its content; a target that is missing now takes
    nothing away. It is completed where it differs by a target alone that was missing.

    Args:
        ours: (n,) rows of a batch, of different keys or not.
        theirs: the earlier rows of these keys; a column that they lack was missing.
        key, target: the columns that identify a row, and the one to predict.
        personal: columns of which no value is shown.

    >>> ours = pl.DataFrame({"id": [1, 2, 3], "x": [5, 6, 7], "y": [None, 1, 1]})
    >>> theirs = pl.DataFrame({"id": [1, 2, 3], "x": [5, 6, 9], "y": [0, None, 1]})
    >>> found = compare_rows(ours, theirs, ["id"], "y")
    >>> found.kinds.tolist(), found.example
    ([1, 2, 3], (2, 'id 3: x was 9, is 7'))
    """
    kinds = np.zeros(len(ours), dtype=np.uint8)
    others = [name for name in ours.columns if name not in (*key, target)]
    told = _beside(ours, theirs, key).with_columns(_kind=_kind(others, target))
    if told.is_empty():
        return Again(kinds)
    # of several earlier rows of one key, the likest says what it is
    least = told.group_by(ROW).agg(pl.col("_kind").min())
    kinds[least[ROW].to_numpy()] = least["_kind"].to_numpy()
    wrong = told.filter(pl.col(ROW) == np.flatnonzero(kinds == CHANGED)[:1].max(initial=-1))
    if wrong.is_empty():
        return Again(kinds)
    row = wrong.row(0, named=True)
    was = {name: row[f"{name}{WAS}"] for name in (*others, target)}
    return Again(kinds, (row[ROW], show_change(row, was, key, personal)))


def _beside(ours: pl.DataFrame, theirs: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Return each row that has earlier ones with each of these, whose columns end in `WAS`."""
    absent = [name for name in ours.columns if name not in theirs.columns]
    whole = theirs.with_columns(pl.lit(None, ours.schema[name]).alias(name) for name in absent)
    before = whole.select(
        pl.col(name).cast(kind, strict=False).alias(name if name in key else f"{name}{WAS}")
        for name, kind in ours.schema.items()
    )
    return ours.with_row_index(ROW).join(before, on=list(key), how="inner")


def _kind(others: Sequence[str], target: str) -> pl.Expr:
    same = pl.all_horizontal(pl.lit(value=True), *(_unchanged(name) for name in others))
    kind = (
        pl.when(same & (_unchanged(target) | pl.col(target).is_null()))
        .then(REPEATED)
        .when(same & pl.col(f"{target}{WAS}").is_null())
        .then(COMPLETED)
        .otherwise(CHANGED)
    )
    return kind.cast(pl.UInt8)


def compare_within(
    rows: pl.DataFrame, key: Sequence[str], target: str, personal: Sequence[str] = ()
) -> tuple[Again, list[int]]:
    """Tell what rows of one file are beside each other, and which changed row is the last one.

    Of rows with one content the first that has its target stays, the others are repeated. Of
    several contents of one key, all but the first are changed. Returned beside them are the
    positions of contents that a later one of their key follows.

    >>> rows = pl.DataFrame({"id": [1, 1, 1], "x": [5, 5, 7], "y": [None, 1, 1]})
    >>> found, superseded = compare_within(rows, ["id"], "y")
    >>> found.kinds.tolist(), superseded, found.example[1]
    ([1, 0, 3], [1], 'id 1: x was 5, is 7')
    """
    others = [name for name in rows.columns if name not in (*key, target)]
    content = [*key, *others]
    numbered = rows.with_row_index(ROW)
    told = pl.coalesce(target, pl.col(target).drop_nulls().first().over(content))
    numbered = numbered.with_columns(_told=told).with_columns(_has=pl.col(target).is_not_null())
    first = pl.col(ROW).sort_by(~pl.col("_has"), ROW).first().over([*content, "_told"])
    kept = numbered.filter(pl.col(ROW) == first)
    kinds = np.full(len(rows), REPEATED, dtype=np.uint8)
    kinds[kept[ROW].to_numpy()] = NEW
    places = kept.with_columns(
        _first=pl.col(ROW).min().over(list(key)), _last=pl.col(ROW).max().over(list(key))
    )
    changed = places.filter(pl.col(ROW) != pl.col("_first"))
    kinds[changed[ROW].to_numpy()] = CHANGED
    superseded = places.filter(pl.col(ROW) != pl.col("_last"))[ROW].to_list()
    if changed.is_empty():
        return Again(kinds), superseded
    place, was = changed[ROW][0], changed["_first"][0]
    words = show_change(rows.row(place, named=True), rows.row(was, named=True), key, personal)
    return Again(kinds, (place, words)), superseded


def show_change(
    now: dict[str, object], was: dict[str, object], key: Sequence[str], personal: Sequence[str]
) -> str:
    """Return in words how a row differs from the earlier one; no value of a personal column.

    >>> show_change({"id": 1, "x": 5, "who": "Ann"}, {"x": 4, "who": "Bob"}, ["id"], ["who"])
    'id 1: x was 4, is 5; who differs'
    """
    name = ", ".join(
        f"{column} {'…' if column in personal else _short(now[column], personal)}" for column in key
    )
    differing = [column for column in was if column not in key and was[column] != now[column]]
    said = [
        f"{column} differs"
        if column in personal
        else f"{column} was {_short(was[column], personal)}, is {_short(now[column], personal)}"
        for column in differing[:SHOWN]
    ]
    more = len(differing) - SHOWN
    said += [f"and {more} more column{'s' * (more > 1)}"] if more > 0 else []
    return f"{name}: {'; '.join(said)}"


def _unchanged(name: str) -> pl.Expr:
    return pl.col(name).eq_missing(pl.col(f"{name}{WAS}"))


def _short(value: object, personal: Sequence[str]) -> str:
    return "missing" if value is None else bounded(conceal(value, personal), LONGEST)
