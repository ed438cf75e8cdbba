"""The user's own row-wise function, applied alike in training and in serving."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from tasks.errors import ConfigurationError, DataError, bounded
from tasks.project import import_from_project

Transform = Callable[[pd.DataFrame], pd.DataFrame]
# Rows, each of which costs a call of the user's function by itself.
SAMPLE = 50


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
    """Return the frame after the user's function.

    Raises:
        DataError: the function failed, gave no frame, or changed the number of rows.
    """
    if transform is None:
        return frame
    where = _where(transform)
    try:
        # a function may write into its frame, which others read after it
        result = transform(frame.copy())
    # whatever the user's code raises is about the rows or the function, and no fault of ours
    except Exception as error:
        came = f"{type(error).__name__}: {bounded(error, 300)}"
        raise DataError(where, "works on the rows given", came, "Mend the function.") from error
    if not isinstance(result, pd.DataFrame):
        raise DataError(where, "returns a DataFrame", type(result).__name__)
    if len(result) != len(frame):
        raise DataError(where, f"keeps the {len(frame)} rows", f"{len(result)} rows")
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


def _where(transform: Transform) -> str:
    # a partial function has no name
    return f"transform {getattr(transform, '__name__', 'function')}"


def _same(alone: pd.Series, among: pd.Series) -> bool:
    # value by value: a row alone may give its column another dtype than many rows do
    return all(
        (pd.isna(a) and pd.isna(b)) if pd.isna(a) or pd.isna(b) else a == b
        for a, b in zip(alone.tolist(), among.tolist(), strict=True)
    )
