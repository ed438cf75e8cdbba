"""What counts as drift, by which weight, and what is chance."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.drift.chance import distance_by_chance
from tasks.drift.compare import compare
from tasks.drift.distance import JENSEN_SHANNON, WASSERSTEIN, distance
from tasks.drift.drift import ColumnDrift, DatasetDrift
from tasks.drift.profile import Profile
from tasks.drift.profiling import Profiler
from tasks.errors import DataError
from tasks.features.schema import Columns
from tasks.records import plain, read
from tests.tasks.drift.scenes import categories, numbers, profiled, rows

TRAINED = profiled(rows(20_000))
WEIGHTS = {"distance": 0.5, "wind": 0.1, "night": 0.0, "carrier": 0.4}


def found(frame: pd.DataFrame, reference: Profile = TRAINED, **more: Any) -> DatasetDrift:
    asked = {"importances": WEIGHTS, "share": 0.3} | more
    return compare(reference, profiled(frame), **asked)


def only(reference: Any, current: Any) -> ColumnDrift:
    profiles = (Profile(one.rows, (one,)) for one in (reference, current))
    return compare(*profiles, importances={}, share=0.3).columns[0]


def test_equal_rows_do_not_drift() -> None:
    drift = found(rows(5000, seed=1))
    assert (drift.share, drift.drifted, drift.anything) == (0, False, False)
    assert drift.summary == "None of 4 columns drifted."
    assert [one.why for one in drift.columns] == [""] * 4


def test_a_shift_is_weighted() -> None:
    wind = np.random.default_rng(1).gamma(4, 5, 5000).astype("float32")
    drift = found(rows(5000, seed=1, wind=wind))
    assert [one.name for one in drift.worst] == ["wind"]
    assert drift.share == pytest.approx(0.1)
    assert not drift.drifted
    assert drift.anything
    assert found(rows(5000, seed=1, wind=wind), share=0.1).drifted
    assert found(rows(5000, seed=1, wind=wind), importances={}).share == 0.25
    assert drift.columns[0].name == "wind"


def test_weights_are_shares_of_the_columns_there_are() -> None:
    drift = found(rows(100), importances={"distance": 2.0, "wind": 2.0, "gone": 5.0})
    assert {one.name: one.weight for one in drift.columns} == {
        "distance": 0.5,
        "wind": 0.5,
        "night": 0.0,
        "carrier": 0.0,
    }


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf])
def test_a_weight_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(DataError, match="importances"):
        found(rows(10), importances={"wind": wrong})


def test_missing_values_are_drift_though_the_distance_is_small() -> None:
    frame = rows(5000, seed=1)
    frame.loc[frame.index % 4 != 0, "distance"] = np.nan
    drift = found(frame)
    worst = drift.columns[0]
    assert worst.score is not None
    assert worst.score < 0.1
    assert drift.drifted
    assert worst.why == "missing rows rose from 0.0% to 75.0%"


def test_missing_values_that_fell_away_are_drift() -> None:
    half = np.where(np.arange(1000) % 2, np.nan, 1.0)
    assert "fell from 50.0% to 0.0%" in only(numbers(half), numbers(np.ones(500))).why


@pytest.mark.parametrize("gone", ["distance", "carrier"])
def test_a_column_that_is_absent_or_all_missing_is_drift(gone: str) -> None:
    frame = rows(200)
    empty = frame.assign(**{gone: None if gone == "carrier" else np.nan})
    shorter = Profile(200, tuple(one for one in profiled(frame).columns if one.name != gone))
    for drift in (
        found(frame.drop(columns=[gone])),
        found(empty),
        compare(TRAINED, shorter, importances=WEIGHTS, share=0.3),
    ):
        column = next(one for one in drift.columns if one.name == gone)
        assert column.drifted
        assert column.score is None
        assert column.missing[1] == 1
        assert drift.drifted


def test_a_column_of_another_kind_is_drift() -> None:
    assert "it is a category now" in only(numbers([1.0, 2.0]), categories(["1", "2"])).why


def test_missing_throughout_before_and_now_is_none() -> None:
    empty = only(numbers([np.nan] * 20), numbers([np.nan] * 5))
    assert not empty.drifted
    assert empty.score is None
    assert only(numbers([np.nan] * 2000), numbers(np.arange(50.0))).drifted


def test_categories_never_seen_are_drift() -> None:
    before = categories(["a", "b"] * 5000)
    drift = only(before, categories(["a"] * 470 + ["b"] * 470 + ["new"] * 60))
    assert drift.unseen == 0.06
    assert "6.0% of the rows are in categories never seen before" in drift.why
    assert not only(before, categories(["a"] * 490 + ["b"] * 490 + ["new"] * 20)).drifted


@pytest.mark.parametrize("count", [20, 3000])
def test_categories_that_took_the_place_of_others_are_drift(count: int) -> None:
    """As many different ones as before, each as often: only who they are changed."""
    before, now = ([f"{side} {i % count}" for i in range(4 * count)] for side in ("old", "new"))
    drift = only(categories(before), categories(now))
    assert drift.unseen == 1
    assert "100.0% of the rows are in categories never seen before" in drift.why


def spoken(vocabulary: list[str], count: int, seed: int) -> Profile:
    """Return the profile of texts of eight words each, drawn from a vocabulary."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(vocabulary, 8, replace=False)) for _ in range(count)]
    frame = pd.DataFrame({"note": pd.Series(texts, dtype="str")})
    return profiled(frame, Columns((), (), ("note",)))


def test_words_that_took_the_place_of_others_are_drift_though_texts_are_as_long() -> None:
    old, new = ([f"{side}{i}" for i in range(300)] for side in ("old", "new"))
    before = spoken(old, 2000, seed=0)
    (drift,) = compare(before, spoken(new, 300, 1), importances={}, share=0.3).columns
    assert (drift.kind, drift.score, drift.unseen) == ("number", 0.0, 1.0)
    assert drift.drifted
    assert drift.why == "100.0% of its words were never seen before"
    (same,) = compare(before, spoken(old, 300, 1), importances={}, share=0.3).columns
    assert (same.drifted, same.unseen) == (False, 0.0)
    # a tenth of the words is new: in every text, some
    (some,) = compare(before, spoken([*old, *new[:33]], 300, 1), importances={}, share=0.3).columns
    assert some.drifted
    assert 0.05 < some.unseen < 0.15


def test_one_long_text_is_no_new_vocabulary() -> None:
    old = [f"old{i}" for i in range(300)]
    before, now = spoken(old, 2000, 0), spoken(old, 300, 1)
    book = pd.DataFrame({"note": [" ".join(f"new{i}" for i in range(2000))]}, dtype="str")
    more = profiled(book, Columns((), (), ("note",)))
    joined = Profiler(Columns((), (), ("note",)))
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(old, 8, replace=False)) for _ in range(300)]
    joined.add(pd.DataFrame({"note": pd.Series([*texts, book["note"][0]], dtype="str")}))
    assert int(more.words[0].counts.sum()) == 50
    (drift,) = compare(before, joined.result(), importances={}, share=0.3).columns
    assert 0 < drift.unseen < 0.05
    assert "never seen" not in drift.why
    assert not compare(before, now, importances={}, share=0.3).columns[0].drifted


def test_where_many_words_are_seen_once_new_ones_are_no_drift() -> None:
    rng = np.random.default_rng(3)
    sides = []
    for count in (1500, 400):
        texts = [" ".join({f"w{n}" for n in rng.zipf(1.3, 12) if n < 10**9}) for _ in range(count)]
        frame = pd.DataFrame({"note": pd.Series(texts, dtype="str")})
        sides.append(profiled(frame, Columns((), (), ("note",))))
    (drift,) = compare(*sides, importances={}, share=0.3).columns
    assert drift.unseen > 0.05
    assert not drift.drifted


def test_a_profile_without_words_judges_none() -> None:
    old, new = ([f"{side}{i}" for i in range(300)] for side in ("old", "new"))
    before = replace(spoken(old, 500, 0), words=())
    (drift,) = compare(before, spoken(new, 300, 1), importances={}, share=0.3).columns
    assert not drift.drifted


@pytest.mark.parametrize("different", [3000, 200_000])
@pytest.mark.parametrize("count", [400, 6000])
def test_new_keys_are_no_drift_where_many_keys_are_new(different: int, count: int) -> None:
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, different, rows).astype(str) for rows in (3000, count)]
    found = only(categories(drawn[0]), categories(drawn[1]))
    assert found.score is not None
    assert found.score > 0.1
    assert not found.drifted


def test_a_few_rows_are_chance_and_the_finding_says_so() -> None:
    drift = only(numbers(np.random.default_rng(0).normal(size=5000)), numbers([0.1, 1.1, 0.9]))
    assert drift.score is not None
    assert 0.1 < drift.score < drift.limit
    assert not drift.drifted
    assert drift.why.startswith(f"distance {drift.score:.3g} may be chance: 3 rows of unchanged")


def test_a_few_rows_far_away_are_drift() -> None:
    drift = only(numbers(np.random.default_rng(0).normal(size=5000)), numbers([9.0, 9.5, 8.0]))
    assert drift.drifted
    assert "over the" in drift.why


@pytest.mark.parametrize("count", [2, 20, 200])
def test_unchanged_rows_seldom_drift_however_few(count: int) -> None:
    frame = rows(25 * count, seed=9)
    columns = [
        one
        for start in range(0, len(frame), count)
        for one in found(frame.iloc[start : start + count]).columns
    ]
    assert sum(one.drifted for one in columns) / len(columns) < 0.05


def test_chance_shrinks_with_the_rows_and_is_always_the_same() -> None:
    before = numbers(np.random.default_rng(0).normal(size=5000))
    figures = [distance_by_chance(before, count, WASSERSTEIN) for count in (5, 50, 500, 50_000)]
    assert figures == sorted(figures, reverse=True)
    assert figures == [distance_by_chance(before, n, WASSERSTEIN) for n in (5, 50, 500, 50_000)]
    assert distance_by_chance(categories(["a"] * 9), 5, JENSEN_SHANNON) == 0


def test_the_drawn_noise_is_that_of_the_rows_themselves() -> None:
    """The quantiles drawn from stand for all values: rows drawn again one by one agree."""
    rng = np.random.default_rng(6)
    values = rng.gamma(2, 5, 3000)
    real = [
        distance(numbers(rng.choice(values, 3000)), numbers(rng.choice(values, 100)))
        for _ in range(300)
    ]
    told = distance_by_chance(numbers(values), 100, WASSERSTEIN)
    assert told == pytest.approx(float(np.quantile(real, 0.99)), rel=0.25)


def test_no_rows_are_told_and_are_no_drift() -> None:
    assert found(rows(0)).summary == "Nothing was compared: no rows came."
    empty = compare(profiled(rows(0)), TRAINED, importances={}, share=0.0)
    assert empty.summary == "Nothing was compared: the model's profile holds no rows."
    assert not empty.drifted


def test_predictions_and_target_are_judged_apart() -> None:
    frame, answers = rows(2000), np.random.default_rng(0).beta(2, 5, 2000)
    both = np.column_stack([1 - answers, answers])
    y = answers > 0.5
    before = profiled(frame, predictions=both, y=y, classes=(False, True))
    now = profiled(frame, predictions=both[:, ::-1], y=y, classes=(False, True))
    drift = compare(before, now, importances={}, share=0.3)
    assert any(column.drifted for column in drift.predictions)
    assert drift.anything
    assert not drift.drifted
    assert drift.target is not None
    assert not drift.target.drifted
    assert drift.summary.endswith("the predictions drifted; the target did not.")
    same = compare(before, before, importances={}, share=0.3)
    assert not any(column.drifted for column in same.predictions)


def test_predictions_of_one_side_are_not_compared() -> None:
    drift = compare(
        profiled(rows(100), predictions=np.zeros(100)),
        profiled(rows(100)),
        importances={},
        share=0.3,
    )
    assert drift.predictions == ()


def test_a_shift_is_found_between_sketches() -> None:
    rng = np.random.default_rng(0)
    wide = {"distance": rng.normal(0, 1, 30_000), "wind": rng.normal(0, 1, 30_000)}
    moved = {"distance": rng.normal(0.2, 1, 30_000), "wind": rng.normal(0.02, 1, 30_000)}
    drift = found(rows(30_000, **moved), profiled(rows(30_000, **wide)))
    assert [one.name for one in drift.worst] == ["distance"]
    assert drift.worst[0].score == pytest.approx(0.2, abs=0.03)


def test_a_finding_survives_json() -> None:
    frame = rows(500, carrier=["new"] * 500).assign(wind=np.nan)
    drift = compare(
        replace(TRAINED, target=categories(["a"] * 9)),
        replace(profiled(frame), target=categories(["b"] * 500)),
        importances={},
        share=0.3,
    )
    assert drift.drifted
    assert read(DatasetDrift, json.loads(json.dumps(plain(drift), allow_nan=False)), "") == drift
