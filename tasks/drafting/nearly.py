"""Columns of text that would be numbers but for a few marks, such as `<0.1`. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from shlex import quote

import pandas as pd

from tasks.drafting.wishes import flow
from tasks.readers.reading import quoted
from tasks.readers.study import Study

MOST = 0.8  # the share of values that are numbers
MARKS = 5  # more kinds of other values are words or codes, not marks
FEWEST = 20  # values: of a handful, a share says nothing
NUMBER = re.compile(r"[-+]?\d+(?P<rest>[.,]\d+)?")
GROUPED = re.compile(r"[-+]?(0|[1-9]\d{0,2}([.,]\d{3})*)")
MONTH = re.compile(r"(0?[1-9]|1[0-2])\.(18|19|20)\d\d")
CODE = re.compile(r"0\d+")


def say_nearly(texts: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each column that is nearly one of numbers, and the settings that read it.

    Args:
        texts: values of each column of words, some hundred.

    >>> print(*say_nearly({"zinc": [*"123456789" * 3, "<0.1"], "size": ["S", "M"] * 20}))
    zinc: 27 of 28 values looked at are numbers, all but `<0.1`. To learn from it as numbers, that \
missing: --set 'source.columns."zinc".kind=number' --set 'source.columns."zinc".missing=[<0.1]'
    """
    told = (_say(name, [text.strip() for text in values]) for name, values in texts.items())
    return [line for line in told if line is not None]


def count_marks(study: Study, sample: pd.DataFrame) -> Study:
    """Return the study with what a person's own marks leave missing, as the sample has it.

    A study counts the marks that it knows itself; a suite is drafted by what it counts.
    """
    columns = dict(study.columns)
    for name, reading in study.options.columns.items():
        if reading.missing and name in columns and name in sample:
            share = float(sample[name].isna().mean())
            missing = max(columns[name].missing, math.ceil(share * study.rows))
            columns[name] = replace(columns[name], missing=missing)
    return replace(study, columns=columns)


def _say(name: str, values: Sequence[str]) -> str | None:
    if len(values) >= FEWEST and all(map(MONTH.fullmatch, values)):
        setting = quote(f"source.columns.{quoted(name)}.format=%m.%Y")
        told = f"{name}: `{values[0]}` looks like a month and a year, and stays text"
        return f"{told}. To read it as a time: --set {setting}"
    numbers = [value for value in values if NUMBER.fullmatch(value)]
    marks = [
        mark for mark, _ in Counter(v for v in values if not NUMBER.fullmatch(v)).most_common()
    ]
    few = 0 < len(marks) <= MARKS and len(numbers) >= max(FEWEST, MOST * len(values))
    points = {sign for value in numbers for sign in ".," if sign in value}
    if not few or len(points) > 1 or any(map(CODE.fullmatch, numbers)):
        return None
    column = f"source.columns.{quoted(name)}"
    # of 35,287 alone nobody knows what its comma is: `new` asks once the marks are said
    sure = points == {","} and not all(map(GROUPED.fullmatch, numbers))
    said = ["kind=number", *(["decimal=,"] if sure else []), f"missing={flow(marks)}"]
    settings = " ".join(f"--set {quote(f'{column}.{setting}')}" for setting in said)
    shown = ", ".join(f"`{mark}`" for mark in marks)
    return (
        f"{name}: {len(numbers):,} of {len(values):,} values looked at are numbers, all but "
        f"{shown}. To learn from it as numbers, {'those' if marks[1:] else 'that'} missing: "
        f"{settings}"
    )
