"""The user's own row-wise function, applied alike in training and in serving."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tasks.errors import ConfigurationError, DataError, bounded
from tasks.features.raw import as_requested
from tasks.policy.reading import count_text
from tasks.project import import_from_project

Transform = Callable[[pd.DataFrame], pd.DataFrame]
# Rows, each of which costs a call of the user's function by itself.
SAMPLE = 50
MADE_UP = 20


def load_transform(name: str | None) -> Transform | None:
    """Return the function written `module:function`, or None where none is named.

    Raises:
        ConfigurationError: the module cannot be imported, or has no such function.
    """
    if name is None:
        return None
    module, _, function = name.partition(":")
    try:
        transform = getattr(import_from_project(module), function)
    except (ImportError, AttributeError) as error:
        rule = "names a function that can be imported"
        raise ConfigurationError("features.transform", rule, name, str(error)) from error
    if not callable(transform):
        raise ConfigurationError("features.transform", "names a function", name)
    return transform  # type: ignore[no-any-return]


def apply_transform(frame: pd.DataFrame, transform: Transform | None) -> pd.DataFrame:
    """Return the frame after the user's function, which sees it `as_requested`.

    Raises:
        DataError: the function failed, gave no frame, or changed the number of rows.
    """
    if transform is None:
        return frame
    where = _where(transform)
    seen = as_requested(frame)
    try:
        result = transform(seen)
    # whatever the user's code raises is about the rows or the function, and no fault of ours
    except Exception as error:
        came = f"{type(error).__name__}: {bounded(_without_values(str(error), frame), 300)}"
        raise DataError(where, "works on the rows given", came, "Mend the function.") from error
    if not isinstance(result, pd.DataFrame):
        raise DataError(where, "returns a DataFrame", type(result).__name__)
    if len(result) != len(frame):
        raise DataError(where, f"keeps the {count_text(len(frame), 'row', 'rows')}", len(result))
    return result


def refuse_unless_row_wise(frame: pd.DataFrame, transform: Transform | None) -> None:
    """Compare what the function makes of a few rows alone and among the others.

    A function that looks at other rows answers differently in serving, where a row comes alone.

    Raises:
        DataError: a row's values depend on the rows beside it.
    """
    if transform is None or len(frame) < 2:
        return
    among = apply_transform(frame, transform).head(SAMPLE).reset_index(drop=True)
    alone = pd.concat(
        [apply_transform(frame.iloc[i : i + 1], transform) for i in range(min(SAMPLE, len(frame)))],
        ignore_index=True,
    )
    same = set(alone.columns) == set(among.columns) and all(
        _same(alone[column], among[column]) for column in among.columns
    )
    if not same:
        rule = "gives a row the same values alone and among other rows"
        raise DataError(_where(transform), rule, "other values", "Use only the row's own columns.")


def check_servable(name: str | None, target: str, rows: pd.DataFrame, *, made_up: bool) -> None:
    """Refuse a function that a request, one row without its target, could not go through.

    Args:
        name: `module:function`, or None where there is none.
        target: the target's column, which is taken out of the rows.
        rows: as they are curated, few.
        made_up: they are none that came: a function may fail on them, and may not look beside
            itself or at the target all the same.

    Raises:
        ConfigurationError: it cannot be imported, needs the target, looks at other rows or fails.
    """
    transform = load_transform(name)
    where = f"features.transform ({name})"
    try:
        refuse_unless_row_wise(rows.drop(columns=[target], errors="ignore"), transform)
    except DataError as error:
        cause = error.__cause__
        asked = isinstance(cause, KeyError | AttributeError)
        if asked and re.search(rf"(?<!\w){re.escape(target)}(?!\w)", str(cause)):
            rule = "works without the target: no request has it"
            remedy = f"Make its columns without {target}."
            raise ConfigurationError(where, rule, f"it asks for {target}", remedy) from error
        # it failed on a row that nobody sent
        if made_up and cause is not None:
            return
        rule = "makes of a row by itself what it makes of it in a table"
        raise ConfigurationError(where, rule, str(error)) from error


def make_up(kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return rows of columns of these kinds (`expectations.suite.Kind`), no two alike.

    >>> make_up({"a": "integer", "b": "string"}).head(2).values.tolist()
    [[1, 'b 1'], [2, 'b 2']]
    """
    numbers = np.arange(1, MADE_UP + 1)
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(numbers * 31, unit="h")
    made: dict[str, Any] = {
        "integer": numbers,
        "number": numbers * 1.25,
        "boolean": numbers % 3 == 0,
        "timestamp": times,
        "date": times.normalize(),
    }
    columns = {
        name: made.get(kind, [f"{name} {i}" for i in numbers]) for name, kind in kinds.items()
    }
    return pd.DataFrame(columns)


def _without_values(text: str, frame: pd.DataFrame) -> str:
    """Return what an error says without texts of the rows: a column may be personal.

    >>> _without_values("could not convert string to float: 'Ann'", pd.DataFrame({"who": ["Ann"]}))
    "could not convert string to float: '…'"
    """
    words = frame.select_dtypes(["object", "str"]).to_numpy().ravel()
    # shorter ones stand in any sentence
    quoted = {word for word in words if isinstance(word, str) and len(word) > 2 and word in text}
    for word in sorted(quoted, key=len, reverse=True):
        text = text.replace(word, "…")
    return text


def _where(transform: Transform) -> str:
    # a partial function has no name
    return f"transform {getattr(transform, '__name__', 'function')}"


def _same(alone: pd.Series, among: pd.Series) -> bool:
    # value by value: a row alone may give its column another dtype than many rows do
    return all(
        (pd.isna(a) and pd.isna(b)) if pd.isna(a) or pd.isna(b) else a == b
        for a, b in zip(alone.tolist(), among.tolist(), strict=True)
    )
