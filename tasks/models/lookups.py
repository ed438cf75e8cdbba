"""A fitted encoder of text as tables: one row of numbers for every known level. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import TargetEncoder

from tasks.arrays import Array, Singles


def read_tables(encoder: Any) -> list[tuple[list[str], Singles]]:
    """Return, per column, its known levels and (levels + 1, width) float32.

    The last row is what unknown text becomes. The tables are asked of the encoder itself, so
    they hold whatever it does with rare levels.
    """
    if isinstance(encoder, TargetEncoder):
        return _target_tables(encoder)
    return _asked_tables(encoder)


def _target_tables(encoder: Any) -> list[tuple[list[str], Singles]]:
    means = np.atleast_1d(encoder.target_mean_)
    width = len(means)
    tables = []
    for i, levels in enumerate(encoder.categories_):
        # of several classes, scikit-learn lists a column's encodings class by class
        known = np.stack(encoder.encodings_[i * width : (i + 1) * width], axis=1)
        table = np.concatenate([known, means[None, :]]).astype(np.float32)
        tables.append(([str(level) for level in levels], table))
    return tables


def _asked_tables(encoder: Any) -> list[tuple[list[str], Singles]]:
    tables, start = [], 0
    # longer than any level, so it is none of them
    unknown = "".join(str(level) for levels in encoder.categories_ for level in levels) + "?"
    for i, levels in enumerate(encoder.categories_):
        questions = np.full((len(levels) + 1, len(encoder.categories_)), unknown, dtype=object)
        questions[:-1, i] = levels
        # rare levels share one column, the last of theirs, which unknown text takes too
        rare = _rare(encoder, i)
        width = len(levels) - rare + (1 if rare else 0)
        answers = np.asarray(_transform(encoder, questions), dtype=np.float32)
        tables.append(([str(level) for level in levels], answers[:, start : start + width]))
        start += width
    return tables


def _rare(encoder: Any, i: int) -> int:
    """Return how many levels share the column for rare ones."""
    together = getattr(encoder, "infrequent_categories_", None)
    return 0 if together is None or together[i] is None else len(together[i])


def _transform(encoder: Any, questions: Array) -> Any:
    names = getattr(encoder, "feature_names_in_", None)
    if names is None:
        return encoder.transform(questions)
    import pandas as pd

    return encoder.transform(pd.DataFrame(questions, columns=names))
