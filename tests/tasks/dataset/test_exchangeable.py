"""Rows without a time: hashes that a row keeps, the holdout by hash, folds of all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.arrays import Hashes
from tasks.config.choices import Task
from tasks.dataset.split import COPIES, exchangeable_folds, hashed_split, row_hashes
from tasks.errors import DataError


def people(count: int, seed: int = 3) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    days = pd.to_timedelta(draw.integers(0, 9999, count), "D")
    return pd.DataFrame(
        {
            "id": [f"p{number:05}" for number in range(count)],
            "age": draw.integers(1, 90, count),
            "fare": draw.lognormal(3, 1, count).round(2),
            "class": draw.choice(["first", "second", "third"], count),
            "child": draw.random(count) < 0.1,
            "born": pd.Timestamp("1850-01-01") + days,
        }
    )


def hashes_of(count: int) -> Hashes:
    return row_hashes(people(count), ["id"])


@pytest.mark.parametrize("key", [["id"], ["class", "age", "fare"], []])
def test_a_row_keeps_its_hash_whatever_comes_after_it(key: list[str]) -> None:
    table = people(900)
    part = row_hashes(table.iloc[:400], key)
    assert (row_hashes(table, key)[:400] == part).all()
    assert len(np.unique(part)) > 390


def test_a_missing_value_elsewhere_and_a_new_column_change_no_hash() -> None:
    table = people(300)
    # as Arrow gives a table in which values are missing: floats, and objects for booleans
    grown = table.reindex(range(301)).astype({"born": "datetime64[ms]"})
    assert (grown["age"].dtype, grown["child"].dtype) == (float, object)
    later = grown.assign(deck=None, _batch="b", _ingested_at=pd.Timestamp("2024-01-01"))
    assert (row_hashes(later[later.columns[::-1]], [])[:300] == row_hashes(table, [])).all()


def test_hashes_are_those_of_any_other_process() -> None:
    # golden: with other hashes every champion in service would have seen the holdout
    frame = pd.DataFrame({"id": ["a", "b"], "n": [1, 2**60 + 1], "x": [0.5, np.nan]})
    assert row_hashes(frame, ["id"]).tolist() == [5588376032023194795, 17829565349898359980]
    assert row_hashes(frame, []).tolist() == [12673326484984833697, 2587101205646203954]


def test_large_whole_numbers_are_told_apart() -> None:
    frame = pd.DataFrame({"id": np.arange(2**62, 2**62 + 500)})
    assert len(np.unique(row_hashes(frame, ["id"]))) == 500


def test_few_copies_stay_together_and_many_are_parted() -> None:
    sent_again = pd.concat([people(50)] * 3, ignore_index=True)
    assert len(np.unique(row_hashes(sent_again, []))) == 50
    cells = pd.DataFrame({"class": ["first", "crew"] * 300})
    assert len(np.unique(row_hashes(cells, []))) == 600 // COPIES


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("share", [0.2, 0.5])
def test_the_holdout_has_its_share_and_of_each_class(task: Task, share: float) -> None:
    order = hashes_of(4000)
    y = (np.arange(4000) % 10 == 0).astype(int)
    parts = hashed_split(order, y, share, task)
    assert parts.boundary is None
    assert (parts.training ^ parts.holdout).all()
    for rows in (y == 0, y == 1):
        # four standard deviations of a share of so many rows
        slack = 4 * np.sqrt(share * (1 - share) / rows.sum())
        assert abs(parts.holdout[rows].mean() - share) < slack


def test_a_row_keeps_its_side_as_the_table_grows_and_in_any_order() -> None:
    order, y = hashes_of(3000), np.arange(3000) % 3
    before = hashed_split(order[:700], y[:700], 0.2, "multiclass").holdout
    after = hashed_split(order, y, 0.2, "multiclass").holdout
    assert (after[:700] == before).all()
    shuffled = np.random.default_rng(1).permutation(3000)
    again = hashed_split(order[shuffled], y[shuffled], 0.2, "multiclass")
    assert (again.holdout == after[shuffled]).all()


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_a_rare_class_is_on_both_sides(share: float) -> None:
    order, y = hashes_of(60), np.array(["often"] * 57 + ["rare"] * 3, dtype=object)
    parts = hashed_split(order, y, share, "binary")
    assert set(y[parts.training]) == set(y[parts.holdout]) == {"often", "rare"}


@pytest.mark.timeout(10)
def test_as_many_classes_as_rows_are_parted_at_once() -> None:
    count = 30_000
    names = np.array([f"n{number}" for number in range(count)], dtype=object)
    parts = hashed_split(hashes_of(count), names, 0.2, "multiclass")
    assert 0.19 < parts.holdout.mean() < 0.21


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_folds_judge_every_row_once_and_are_even(task: Task) -> None:
    order, y = hashes_of(503), np.random.default_rng(2).normal(size=503)
    if task == "binary":
        y = (y > 1).astype(int)
    folds = exchangeable_folds(order, y, 5, task)
    assert sorted(np.concatenate([fold.judge for fold in folds])) == list(range(503))
    for fold in folds:
        assert not set(fold.fit) & set(fold.judge)
        assert len(fold.fit) + len(fold.judge) == 503
        assert len(fold.judge) in {100, 101}
        assert abs(y[fold.judge].mean() - y.mean()) < 0.03


def test_equal_rows_are_never_in_two_folds() -> None:
    order = np.repeat(hashes_of(40), 3)
    y = np.arange(120) % 2
    for fold in exchangeable_folds(order, y, 4, "binary"):
        assert not set(order[fold.fit]) & set(order[fold.judge])


def test_rows_that_cannot_be_parted_are_refused() -> None:
    same: Any = np.zeros(9, dtype=np.uint64)
    with pytest.raises(DataError, match="at least 2 different ones; got 1"):
        hashed_split(same, np.zeros(9), 0.2, "regression")
    with pytest.raises(DataError, match="at least 3 different ones"):
        exchangeable_folds(same, np.zeros(9), 3, "regression")
    with pytest.raises(DataError, match="a share between"):
        hashed_split(hashes_of(9), np.zeros(9), 1.0, "regression")
    with pytest.raises(DataError, match="folds"):
        exchangeable_folds(hashes_of(9), np.zeros(9), 1, "regression")
