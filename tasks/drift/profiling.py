"""Profiles rows piece by piece, whatever their number, in one pass and bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import Floats
from tasks.drift.counting import CategoryCounter, NumberCounter, WordCounter
from tasks.drift.profile import ColumnProfile, Profile
from tasks.errors import DataError
from tasks.features.schema import Columns
from tasks.features.terms import WORDLESS, count_words
from tasks.features.values import MISSING

if TYPE_CHECKING:
    import pandas as pd

Counter = NumberCounter | CategoryCounter
TARGET = "target"
PREDICTION = "prediction"


class Profiler:
    """Profiles prepared rows, with the model's answers to them.

    Args:
        columns: of the prepared rows.
        classes: the labels in the order of the probabilities; empty for regression.
    """

    def __init__(self, columns: Columns, classes: Sequence[object] = ()) -> None:
        self._classes, self._prepared = tuple(classes), columns
        self._rows, watched = 0, columns.watched
        self._words = {name: WordCounter(name, (MISSING, WORDLESS)) for name in columns.texts}
        self._columns: dict[str, Counter] = {name: NumberCounter(name) for name in watched.numbers}
        for name in watched.categories:
            self._columns[name] = CategoryCounter(name, MISSING)
        self._predictions: dict[str, NumberCounter] = {}

    def add(self, prepared: pd.DataFrame, predictions: Floats | None = None) -> None:
        """Take a piece in: n rows, (n, k) probabilities or (n,) values.

        A column that is absent counts as missing in every row; others than the profiler's are
        left alone.

        Raises:
            DataError: the lengths differ, or the probabilities do not fit the classes.
        """
        if predictions is not None and len(predictions) != len(prepared):
            rule = f"one for each of {len(prepared)} rows"
            raise DataError("predictions", rule, len(predictions))
        self._rows += len(prepared)
        for name, words in self._words.items():
            if name in prepared.columns:
                words.add(prepared[name])
        prepared = count_words(prepared, self._prepared)
        # the profiler's columns, not the frame's: one that is gone has to count as missing
        for name, counter in self._columns.items():
            if name not in prepared.columns:
                counter.lack(len(prepared))
            elif isinstance(counter, NumberCounter):
                counter.add(_floats(prepared[name]))
            else:
                counter.add(prepared[name])
        if predictions is not None:
            for name, values in answer_columns(predictions, self._classes).items():
                self._predictions.setdefault(name, NumberCounter(name)).add(values)

    def result(self) -> Profile:
        """Return the profile of every row so far."""
        return Profile(
            self._rows,
            tuple(counter.result() for counter in self._columns.values()),
            tuple(counter.result() for counter in self._predictions.values()),
            words=tuple(words.result() for words in self._words.values()),
        )


def predictions_profile(
    predictions: Floats, classes: Sequence[object] = ()
) -> tuple[ColumnProfile, ...]:
    """Profile a model's answers: (n, k) probabilities, or (n,) values where there are no classes.

    >>> [told.mean for told in predictions_profile(np.array([[0.75, 0.25], [0.5, 0.5]]), (0, 1))]
    [0.375]
    """
    profiles = []
    for name, values in answer_columns(predictions, tuple(classes)).items():
        counter = NumberCounter(name)
        counter.add(values)
        profiles.append(counter.result())
    return tuple(profiles)


def target_profile(y: Any, classes: Sequence[object] = ()) -> ColumnProfile:
    """Profile (n,) labels, or values where there are no classes.

    >>> target_profile([1, 0, 1], (0, 1)).values.tolist()
    ['0', '1']
    """
    import pandas as pd

    from tasks.features.values import texts

    if not classes:
        values = NumberCounter(TARGET)
        values.add(_floats(pd.Series(np.asarray(y))))
        return values.result()
    # 0, 0.0 and "0" are one label: later batches may hold them in another type
    labels = CategoryCounter(TARGET, MISSING)
    labels.add(texts(pd.Series(y)).column())
    return labels.result()


def answer_columns(predictions: Floats, classes: tuple[object, ...]) -> dict[str, Floats]:
    """Return what is profiled of a model's answers, by name.

    Two classes: the probability of the last. More: of each. None: the value.

    Raises:
        DataError: the probabilities do not fit the classes.

    >>> list(answer_columns(np.zeros((1, 3)), ("a", "b", "c")))
    ['probability of a', 'probability of b', 'probability of c']
    """
    wanted = (len(predictions), len(classes)) if classes else (len(predictions),)
    if not classes and predictions.ndim == 2 and predictions.shape[1] == 1:
        predictions = predictions[:, 0]
    if predictions.shape != wanted:
        raise DataError("predictions", f"of shape {wanted}", predictions.shape)
    if not classes:
        return {PREDICTION: predictions}
    first = 1 if len(classes) == 2 else 0
    return {
        f"probability of {classes[place]}": predictions[:, place]
        for place in range(first, len(classes))
    }


def _floats(column: pd.Series) -> Floats:
    # float32 stays as it is: a copy in float64 would double what a pass holds
    if column.dtype in (np.float32, np.float64):
        return column.to_numpy()
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
