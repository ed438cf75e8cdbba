from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.scoring.judgement import Labelled
from tasks.scoring.thinning import Thinned, join_thinned


def none(classes: tuple[int, ...]) -> Labelled:
    return Labelled(
        "late",
        "at",
        classes,
        np.array([], np.int64 if classes else np.float64),
        np.zeros((0, len(classes)) if classes else 0),
        np.array([], "datetime64[us]"),
    )


def piece(first: int, count: int, classes: tuple[int, ...]) -> Thinned:
    draw = np.random.default_rng(first)
    label = draw.integers(0, 2, count).astype(float)
    label[draw.random(count) < 0.25] = np.nan
    at = pd.date_range("2024-01-01", periods=count, freq="h") + pd.Timedelta(hours=first)
    frame = pd.DataFrame({"late": label, "at": at})
    answers = draw.random((count, 2)) if classes else draw.random(count)
    return Thinned.of(none(classes), frame, answers, first)


@pytest.mark.parametrize("classes", [(0, 1), ()])
def test_rows_stay_even_and_few_and_all_are_counted(classes) -> None:
    pieces = [piece(first, 1000, classes) for first in range(0, 20_000, 1000)]
    every = join_thinned(pieces)
    few = join_thinned([none_yet(classes)])
    for part in pieces:
        few = join_thinned([few, part], most=2_000)
    assert few.count == every.count == len(every.places) > 14_000
    assert 500 < len(few.places) <= 2_000
    assert few.stride == 8
    kept = np.flatnonzero(every.places % 8 == 0)
    for name in ("y", "predictions", "times"):
        whole = getattr(every.labelled, name)[kept]
        np.testing.assert_array_equal(getattr(few.labelled, name), whole)


@pytest.mark.parametrize("classes", [(0, 1), ()])
def test_bytes_bring_back_what_was_kept(classes) -> None:
    one = piece(7, 100, classes).thin(2)
    back = Thinned.from_bytes(one.to_bytes(), none(classes))
    assert (back.stride, back.count) == (2, one.count)
    np.testing.assert_array_equal(back.places, one.places)
    for name in ("y", "predictions", "times"):
        ours, theirs = getattr(back.labelled, name), getattr(one.labelled, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def none_yet(classes: tuple[int, ...]) -> Thinned:
    return Thinned(none(classes), np.zeros(0, np.int64))
