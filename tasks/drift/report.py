"""The page that a person opens: Evidently's report of a sample, below the exact figures.

The one door of Evidently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

from tasks.drift.distance import JENSEN_SHANNON
from tasks.drift.drift import DatasetDrift
from tasks.drift.page import drift_page
from tasks.errors import DataError
from tasks.features.schema import Columns
from tasks.features.values import MISSING
from tasks.pages.draw import draw

# Evidently takes 31 s and 4.7 GB for 1.5 million rows a side, of ten columns, and 1.7 s for
# 50,000 rows a side.
SAMPLE = 5000
SEED = 7
# Evidently's own file: what its head styles and runs, and its body
PARTS = re.compile(r"(<style>.*?)</head>\s*<body>(.*)</body>", re.DOTALL)
# Evidently writes names and texts into a script as they are: "</script>" would end it
HARMLESS = str.maketrans("<>", "[]")


def draw_report(
    reference: pd.DataFrame, current: pd.DataFrame, drift: DatasetDrift, columns: Columns
) -> bytes:
    """Return one self-contained page, UTF-8, about 4 MB, that makes no request.

    At the top the figures of `drift`, which are of all rows; below Evidently's drift report of
    at most `SAMPLE` prepared rows of each side. The page says how many, and names what Evidently
    cannot show.

    Raises:
        DataError: Evidently made no page.
    """
    before, now = _sampled(reference), _sampled(current)
    every = (*columns.numbers, *columns.categories)
    # Evidently raises on a column that is missing throughout, on either side
    shown = [
        name
        for name in every
        if all(name in frame and bool(_known(frame[name]).any()) for frame in (before, now))
    ]
    hidden = [name for name in every if name not in shown]
    note = (
        f"The plots below are Evidently's, of a sample of {len(now):,} of {len(current):,} rows "
        f"now and {len(before):,} of {len(reference):,} rows of the reference; its figures are "
        "those of the sample."
    )
    if hidden:
        note += f" Not among them, for lack of values: {', '.join(hidden)}."
    if not shown:
        return draw(drift_page(drift, "No column has values on both sides to plot.")).encode()
    numbers = [name for name in shown if name in columns.numbers]
    theirs = _evidently(before[shown], now[shown], numbers, drift)
    parts = PARTS.search(theirs)
    if parts is None:
        rule = "Evidently's page has styles in its head, and a body"
        raise DataError("drift report", rule, theirs[:200])
    return draw(drift_page(drift, note, parts[1] + parts[2])).encode()


def _evidently(
    reference: pd.DataFrame, current: pd.DataFrame, numbers: list[str], drift: DatasetDrift
) -> str:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    names = dict(zip(reference.columns, _harmless(reference.columns), strict=True))
    number_names = [names[name] for name in numbers]
    kinds = DataDefinition(
        numerical_columns=number_names,
        categorical_columns=[shown for name, shown in names.items() if name not in numbers],
    )
    methods = {
        names[column.name]: "jensenshannon" if column.method == JENSEN_SHANNON else "wasserstein"
        for column in drift.columns
        if column.name in numbers
    }
    preset = DataDriftPreset(
        num_method="wasserstein",
        cat_method="jensenshannon",
        per_column_method=methods,
        drift_share=drift.limit,
        include_tests=False,
    )
    # every column by name: Evidently would guess what one is from its values
    now, before = (
        Dataset.from_pandas(_cleaned(frame, numbers).rename(columns=names), data_definition=kinds)
        for frame in (current, reference)
    )
    try:
        # the rows of now come first: in the other order the page is of the opposite change
        return str(Report([preset]).run(now, before).get_html_str(as_iframe=False))
    except Exception as error:
        raise DataError("drift report", "Evidently can show the sample", error) from error


def _sampled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame if len(frame) <= SAMPLE else frame.sample(SAMPLE, random_state=SEED).sort_index()


def _known(column: pd.Series) -> pd.Series:
    return column.notna() & (column != MISSING) & ~column.isin([float("inf"), float("-inf")])


def _cleaned(frame: pd.DataFrame, numbers: Iterable[str]) -> pd.DataFrame:
    """Return numbers in float64, and texts that neither break the page nor count as missing."""
    cleaned: dict[str, Any] = {}
    for name in frame.columns:
        column = frame[name].where(_known(frame[name])).reset_index(drop=True)
        if name in numbers:
            cleaned[name] = column.astype("float64")
        else:
            cleaned[name] = column.astype("str").str.translate(HARMLESS)
    return pd.DataFrame(cleaned)


def _harmless(names: Iterable[str]) -> list[str]:
    """Return the names without what could break the page, each its own.

    >>> _harmless(["a", "</script>", "[/script]"])
    ['a', '[/script]', '[/script] (2)']
    """
    made: list[str] = []
    for name in names:
        clean = name.translate(HARMLESS)
        count = 2
        unique = clean
        while unique in made:
            unique, count = f"{clean} ({count})", count + 1
        made.append(unique)
    return made
