from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tasks.dataset.split import Times, forward_folds, split
from tasks.errors import DataError

EPOCH = np.datetime64("2013-01-01", "us")
MOMENTS = st.lists(st.integers(0, 40), min_size=2, max_size=120)
SHARES = st.floats(0.01, 0.99)


def times_of(moments: list[int]) -> Times:
    return EPOCH + np.array(moments, "timedelta64[h]")


@settings(deadline=None)
@given(MOMENTS, SHARES)
def test_every_row_is_in_one_part_and_the_holdout_is_later(
    moments: list[int], share: float
) -> None:
    assume(len(set(moments)) > 1)
    times = times_of(moments)
    parted = split(times, share)
    assert (parted.training ^ parted.holdout).all()
    assert parted.training.any()
    assert parted.holdout.any()
    assert times[parted.training].max() < times[parted.holdout].min()
    assert times[parted.holdout].min() == np.datetime64(parted.boundary, "us")


@settings(deadline=None)
@given(MOMENTS, SHARES)
def test_no_other_boundary_is_nearer_to_the_share(moments: list[int], share: float) -> None:
    assume(len(set(moments)) > 1)
    times = times_of(moments)
    wanted = len(times) * share
    reached = abs(int(split(times, share).holdout.sum()) - wanted)
    for boundary in np.unique(times)[1:]:
        assert reached <= abs(int((times >= boundary).sum()) - wanted) + 1e-6


@settings(deadline=None)
@given(MOMENTS, SHARES, st.randoms())
def test_the_order_of_the_rows_does_not_matter(
    moments: list[int], share: float, random: np.random.Generator
) -> None:
    assume(len(set(moments)) > 1)
    shuffled = list(moments)
    random.shuffle(shuffled)
    assert split(times_of(shuffled), share).boundary == split(times_of(moments), share).boundary


@settings(deadline=None)
@given(MOMENTS, st.integers(1, 6))
def test_folds_never_look_ahead(moments: list[int], k: int) -> None:
    assume(len(set(moments)) > k)
    times = times_of(moments)
    folds = forward_folds(times, k)
    assert len(folds) == k
    for fold in folds:
        assert len(fold.fit) > 0
        assert len(fold.judge) > 0
        assert times[fold.fit].max() < times[fold.judge].min()


@settings(deadline=None)
@given(MOMENTS, st.integers(1, 6))
def test_folds_grow_and_judge_every_later_row_once(moments: list[int], k: int) -> None:
    assume(len(set(moments)) > k)
    folds = forward_folds(times_of(moments), k)
    for earlier, later in pairwise(folds):
        assert set(later.fit) == set(earlier.fit) | set(earlier.judge)
    judged = np.concatenate([fold.judge for fold in folds])
    assert sorted([*folds[0].fit, *judged]) == list(range(len(moments)))


@settings(deadline=None)
@given(st.integers(2, 8))
def test_folds_of_spread_rows_are_of_equal_size(k: int) -> None:
    folds = forward_folds(times_of(list(range((k + 1) * 10))), k)
    assert {len(fold.judge) for fold in folds} == {10}


@pytest.mark.parametrize("unit", ["D", "s", "ms", "us", "ns"])
def test_every_unit_gives_the_same_boundary(unit: str) -> None:
    days = np.array(["2013-01-01", "2013-01-02", "2013-01-03"], f"datetime64[{unit}]")
    assert split(days, 0.34).boundary.isoformat() == "2013-01-03T00:00:00"


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_that_leaves_one_part_empty_is_refused(share: float) -> None:
    with pytest.raises(DataError, match="holdout"):
        split(times_of([1, 2, 3]), share)


@pytest.mark.parametrize("moments", [[], [1], [1, 1, 1]])
def test_too_few_times_are_refused(moments: list[int]) -> None:
    with pytest.raises(DataError, match="at least 2 different ones"):
        split(times_of(moments), 0.2)
    with pytest.raises(DataError, match="at least 4 different ones"):
        forward_folds(times_of([*moments, 2]), 3)


def test_a_missing_time_is_refused() -> None:
    times = times_of([1, 2, 3])
    times[1] = np.datetime64("NaT")
    with pytest.raises(DataError, match="1 missing"):
        split(times, 0.2)
    with pytest.raises(DataError, match="1 missing"):
        forward_folds(times, 2)


def test_no_fold_is_refused() -> None:
    with pytest.raises(DataError, match="folds"):
        forward_folds(times_of([1, 2]), 0)
