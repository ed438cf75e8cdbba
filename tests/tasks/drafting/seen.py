"""Columns as a study of a file would tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pandas as pd

from tasks.readers.options import SourceOptions
from tasks.readers.study import ColumnStudy, Study


def column(name: str, kind: str, values: Sequence[Any], **changes: Any) -> ColumnStudy:
    """Return what a column of these values is; None is missing."""
    known = [value for value in values if value is not None]
    levels = pd.Series(known).astype(str).value_counts()
    numbers = kind in ("integer", "number")
    whole = numbers and all(float(value).is_integer() for value in known)
    steps = {later - value for value, later in pairwise(known)} if whole else set()
    return replace(
        ColumnStudy(
            name=name,
            kind=kind,
            reading=None,
            missing=len(values) - len(known),
            distinct=len(levels),
            unique=len(levels) == len(values),
            running=steps == {1},
            constant=len(levels) < 2,
            code=False,
            words=sum(len(str(value).split()) for value in known) / max(len(known), 1),
            least=min(known) if numbers else None,
            most=max(known) if numbers else None,
            levels=levels.head(50).to_dict(),
            examples=tuple(map(str, known[:3])),
            forms=(),
        ),
        **changes,
    )


def study_of(*columns: ColumnStudy, rows: int) -> Study:
    return Study(SourceOptions(), rows, {seen.name: seen for seen in columns}, (), ())
