"""Profiles: the same in pieces as at once, bounded, and what is missing counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.drift.counting import CategoryCounter
from tasks.drift.encoding import encode_profile
from tasks.drift.profile import EXACT, POINTS, Profile
from tasks.drift.profiling import Profiler, predictions_profile, target_profile
from tasks.errors import DataError
from tests.tasks.drift.scenes import COLUMNS, categories, numbers, profiled, rows


def test_pieces_count_as_the_whole_does() -> None:
    frame = rows(3000)
    profiler = Profiler(COLUMNS)
    for start in range(0, 3000, 700):
        profiler.add(frame.iloc[start : start + 700])
    assert encode_profile(profiler.result()) == encode_profile(profiled(frame))


def test_the_same_rows_give_the_same_bytes_also_where_they_are_sketched() -> None:
    wind = np.random.default_rng(1).normal(size=300_000)
    first, second = numbers(wind), numbers(wind)
    assert not first.exact
    assert encode_profile(Profile(1, (first,))) == encode_profile(Profile(1, (second,)))


@given(st.lists(st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.5, 7.0]))))
def test_counts_are_exact_while_values_are_few(drawn: list[float | None]) -> None:
    values = np.array([np.nan if one is None else one for one in drawn], np.float32)
    found, known = numbers(values), values[~np.isnan(values)]
    assert found.rows == len(drawn)
    assert found.missing == drawn.count(None)
    assert dict(zip(found.values, found.counts, strict=True)) == {
        one: (known == one).sum() for one in np.unique(known)
    }
    if len(known):
        assert found.std == pytest.approx(float(known.std(dtype=np.float64)))
        assert (found.low, found.high) == (known.min(), known.max())


@given(st.lists(st.sampled_from(["a", "b", "", "__missing__", None])))
def test_categories_are_counted(drawn: list[str | None]) -> None:
    found = categories(drawn)
    known = [one for one in drawn if one not in (None, "__missing__")]
    assert found.missing == len(drawn) - len(known)
    told = dict(zip(found.values.tolist(), found.counts.tolist(), strict=True))
    assert told == {one: known.count(one) for one in sorted(set(known))}


def test_what_is_not_finite_is_missing() -> None:
    found = numbers(np.array([1.0, np.inf, -np.inf, np.nan, 1e39, 3.0]))
    assert (found.rows, found.missing) == (6, 4)
    assert found.values.tolist() == [1.0, 3.0]


def test_a_sketch_takes_over_at_the_limit() -> None:
    at, over = numbers(np.arange(float(EXACT))), numbers(np.arange(EXACT + 1.0))
    assert at.exact
    assert not over.exact
    assert over.counts.sum() == POINTS
    assert 0 < over.error < 0.001


def test_a_sketch_keeps_moments_and_ends_exactly() -> None:
    drawn = np.random.default_rng(2).lognormal(size=200_000)
    drawn[::10] = np.nan
    known = drawn[~np.isnan(drawn)]
    found = numbers(drawn)
    assert found.missing == 20_000
    assert found.mean == pytest.approx(known.mean(), rel=1e-12)
    assert found.std == pytest.approx(known.std(), rel=1e-9)
    assert (found.low, found.high) == (known.min(), known.max())


def test_an_absent_column_is_missing_in_every_row() -> None:
    found = profiled(rows(10).drop(columns=["wind", "carrier"]))
    missing = {one.name: one.missing for one in found.columns}
    assert missing == {"distance": 0, "wind": 10, "night": 0, "carrier": 10}


def test_no_rows_make_a_profile() -> None:
    found = profiled(rows(0))
    assert found.rows == 0
    assert [one.missing_share for one in found.columns] == [0] * 4
    assert Profiler(COLUMNS).result().rows == 0


def test_rare_categories_are_let_go_and_counted() -> None:
    many = [f"v{number}" for number in range(EXACT)] * 2 + [f"w{n}" for n in range(100)]
    found = categories(many)
    assert len(found.values) == EXACT
    assert found.other == 100
    assert found.error == 0
    assert (found.counts == 2).all()


def test_the_stated_error_bounds_the_counts() -> None:
    drawn = np.random.default_rng(5).zipf(1.3, 20_000).astype(str)
    counter = CategoryCounter("c", tracked=200, exact=50)
    for start in range(0, len(drawn), 500):
        counter.add(pd.Series(drawn[start : start + 500], dtype="str"))
    found = counter.result()
    exact = pd.Series(drawn).value_counts()
    short = exact[found.values.tolist()].to_numpy() - found.counts
    assert len(found.values) == 50
    assert 0 < short.max() <= found.error * found.known
    assert short.min() >= 0
    assert found.counts.sum() + found.other == found.rows == 20_000


def test_long_texts_are_shortened_and_kept_apart() -> None:
    found = categories(["x" * 5000 + "a", "x" * 5000 + "b", "x" * 5000 + "a"])
    assert sorted(found.counts.tolist()) == [1, 2]
    assert max(map(len, found.values)) <= 200


def test_two_classes_have_one_prediction_and_more_have_one_each() -> None:
    answers = np.array([[0.2, 0.8], [0.6, 0.4]])
    assert [one.name for one in predictions_profile(answers, (0, 1))] == ["probability of 1"]
    three = np.full((4, 3), 1 / 3)
    assert len(predictions_profile(three, ("a", "b", "c"))) == 3
    assert predictions_profile(np.array([[1.0], [2.0]]))[0].mean == 1.5


@pytest.mark.parametrize(
    ("answers", "classes"),
    [(np.zeros((2, 3)), (0, 1)), (np.zeros(2), (0, 1)), (np.zeros((2, 2)), ())],
)
def test_answers_of_another_shape_are_refused(answers: np.ndarray, classes: tuple) -> None:
    with pytest.raises(DataError, match="of shape"):
        predictions_profile(answers, classes)


def test_answers_of_another_length_are_refused() -> None:
    with pytest.raises(DataError, match="one for each of 3 rows"):
        Profiler(COLUMNS).add(rows(3), np.zeros(2))


def test_labels_read_alike_whatever_their_type() -> None:
    told = [target_profile(y, (0, 1)).values.tolist() for y in ([0, 1], [0.0, 1.0], ["0", "1"])]
    assert told == [["0", "1"]] * 3
    assert target_profile([1.5, np.nan]).missing == 1
