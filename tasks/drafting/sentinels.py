"""Numbers that stand far outside of all others and come again: -999 for no value. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from shlex import quote

import pandas as pd

from tasks.drafting.wishes import flow
from tasks.policy.reading import count_text
from tasks.readers.column_study import ColumnStudy
from tasks.readers.options import Reading
from tasks.readers.reading import quoted

FAR = 3.0  # spans of all others, between them and a mark
NINES = re.compile(r"-?9{2,}")  # what people write most: these need be less far
NINES_FAR = 0.5
FEWEST, FEWEST_NINES = 5, 3  # rows of a mark among those looked at; what comes once is a slip
OTHERS, OTHERS_NINES = 10, 3  # different other values; of fewer nothing is outside
MOST = 4  # marks of a column


def find_sentinels(values: pd.Series[float]) -> list[float]:
    """Return the values that look like marks for no value, from the outside inwards.

    >>> find_sentinels(pd.Series([*range(40), *[-999] * 5, *[9999] * 5]))
    [9999.0, -999.0]
    >>> find_sentinels(pd.Series([*range(40), 400, 401, 402]))
    []
    """
    counts = values.dropna().astype(float).value_counts().sort_index()
    found: list[float] = []
    while len(counts) > 1 and len(found) < MOST:
        marks = [place for place in (-1, 0) if _is_far(counts, place)]
        if not marks:
            break
        mark = counts.index[marks[0]]
        found.append(float(mark))
        counts = counts.drop(mark)
    return found


def say_sentinels(columns: Iterable[ColumnStudy], sample: pd.DataFrame) -> list[str]:
    """Return a line for each column of numbers with such values, and what declares them missing."""
    told = []
    for column in columns:
        found = find_sentinels(sample[column.name])
        if found:
            told.append(_say(column, [text for mark in found for text in _written(column, mark)]))
    return told


def _is_far(counts: pd.Series[int], place: int) -> bool:
    """Say whether the least (0) or the most (-1) of sorted values is far from the others."""
    mark, rows = float(counts.index[place]), int(counts.iloc[place])
    others = counts.index.drop(counts.index[place])
    least, most = float(others[0]), float(others[-1])
    gap = least - mark if place == 0 else mark - most
    nines = NINES.fullmatch(f"{mark:.0f}") is not None and mark.is_integer()
    if nines and rows >= FEWEST_NINES and len(others) >= OTHERS_NINES:
        # of amounts up to a million, none is below nothing
        return gap > NINES_FAR * (most - least) or (mark < 0 <= least)
    return rows >= FEWEST and len(others) >= OTHERS and gap > FAR * (most - least)


def _written(column: ColumnStudy, mark: float) -> list[str]:
    reading = column.reading or Reading()
    texts = [level for level in column.levels if _value(level, reading) == mark]
    plain = f"{mark:.0f}" if mark.is_integer() else str(mark)
    # of a column of very many values these are not known as they are written
    return texts or ([plain] if column.kind == "integer" else [*dict.fromkeys((plain, str(mark)))])


def _value(level: str, reading: Reading) -> float | None:
    bare = level.replace(reading.thousands, "") if reading.thousands else level
    try:
        return float(bare.replace(reading.decimal, "."))
    except ValueError:
        return None


def _say(column: ColumnStudy, marks: list[str]) -> str:
    path = f"source.columns.{quoted(column.name)}"
    # what a person says of a column is all that is known of it
    reading = {} if column.reading is None else column.reading.model_dump(exclude_defaults=True)
    known = reading.pop("missing", ())
    said = {**reading, "missing": [*known, *map(_number, marks)]}
    settings = " ".join(
        f"--set {quote(f'{path}.{key}={flow(part)}')}" for key, part in said.items()
    )
    shown = ", ".join(f"`{mark}`" for mark in marks)
    rows = sum(column.levels.get(mark, 0) for mark in marks)
    where = f" in {count_text(rows, 'row', 'rows')}" if rows else ""
    return (
        f"{column.name}: {shown}{where}, far outside of all other values: a mark for no value? If "
        f"so: {settings}"
    )


def _number(text: str) -> int | float | str:
    # YAML writes a text that reads as a number in quotes, and these in quotes of the shell
    return next((kind(text) for kind in (int, float) if _is_plain(text, kind)), text)


def _is_plain(text: str, kind: type[int | float]) -> bool:
    try:
        return str(kind(text)) == text
    except ValueError:
        return False
