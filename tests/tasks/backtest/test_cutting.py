from __future__ import annotations

import numpy as np
import pytest

from tasks.backtest.cutting import cut, first_end, number_pieces
from tasks.errors import DataError


def hours(count: int) -> np.ndarray:
    return np.arange(count).astype("datetime64[h]").astype("datetime64[us]")


def test_batches_stand_in_the_order_of_their_first_event_whoever_came_first() -> None:
    ids = np.array(["new", "old", "new", "late", "old", "last"])
    found = cut(hours(6), ids, {"new": "april", "old": "march"})
    assert found.names == ("april", "march", "late", "last")
    assert found.place.tolist() == [0, 1, 0, 2, 1, 3]
    assert found.counts.tolist() == [2, 2, 1, 1]


def test_fewer_than_four_batches_are_cut_into_pieces() -> None:
    found = cut(hours(1200), np.repeat(["a", "b", "c"], 400), {})
    assert found.counts.tolist() == [100] * 12
    assert "100 rows" in found.recipe


def test_asked_for_rows_win_over_the_batches() -> None:
    found = cut(hours(100), np.repeat(list("abcde"), 20), {}, rows=30)
    assert found.counts.tolist() == [30, 30, 40]


@pytest.mark.parametrize("rows", [None, 60, 5000])
def test_fewer_than_three_pieces_are_refused(rows: int | None) -> None:
    with pytest.raises(DataError, match="at least 3 batches"):
        cut(hours(100), np.array(["a"] * 100), {}, rows)


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_pieces_are_whole_but_for_the_last(size: int) -> None:
    counts = np.bincount(number_pieces(101, size))
    assert set(counts[:-1]) == {size}
    assert size / 2 <= counts[-1] < 1.5 * size


def test_the_first_model_leaves_a_batch_to_replay() -> None:
    assert first_end([1, 1, 1, 97], 0.25) == 2
    assert first_end([10] * 10, 0.25) in (1, 2)
    assert first_end([10] * 10, 0.99) == 8
