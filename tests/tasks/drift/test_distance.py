"""The distances are Evidently's own on the same values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tasks.drift.distance import JENSEN_SHANNON, align, distance, method, psi
from tests.tasks.drift.scenes import categories, numbers

CLOSE = {"rel": 1e-6, "abs": 1e-9}


@pytest.fixture(scope="module")
def tests() -> dict:
    from evidently.legacy.calculations import stattests
    from evidently.legacy.core import ColumnType

    kinds = {"number": ColumnType.Numerical, "category": ColumnType.Categorical}
    by_name = {
        "wasserstein": stattests.wasserstein_stat_test,
        "jensenshannon": stattests.jensenshannon_stat_test,
        "psi": stattests.psi_stat_test,
    }

    def apply(name: str, kind: str, before: pd.Series, now: pd.Series) -> float:
        sides = (
            side.replace([np.inf, -np.inf], np.nan).dropna() if kind == "number" else side.dropna()
            for side in (before, now)
        )
        return float(by_name[name](*sides, kinds[kind], 0.1).drift_score)

    return {"of": apply}


RNG = np.random.default_rng(11)
NAN = np.where(RNG.random(900) < 0.4, np.nan, RNG.normal(size=900))
CASES = {
    "normal": (RNG.normal(0, 1, 1500), RNG.normal(0.3, 2, 1100)),
    "skewed": (RNG.gamma(2, 5, 2000), RNG.gamma(3, 5, 700)),
    "heavy": (RNG.pareto(1.1, 1500), RNG.pareto(0.9, 1500)),
    "far apart": (RNG.normal(0, 1, 500), RNG.normal(1e6, 1, 500)),
    "whole": (RNG.integers(0, 24, 5000).astype(float), RNG.integers(3, 30, 900).astype(float)),
    "twenty": (np.arange(20.0), np.arange(40.0) / 2),
    "twenty-one": (np.arange(21.0), np.arange(40.0) / 2),
    "constant": (np.full(50, 3.0), RNG.normal(3, 1, 50)),
    "now constant": (RNG.normal(3, 1, 50), np.full(50, 3.0)),
    "two constants": (np.full(50, 3.0), np.full(20, 4.0)),
    "missing": (NAN, NAN[:300] + 1),
    "infinite": (np.append(NAN, [np.inf, -np.inf]), NAN + 0.2),
    "flag": (RNG.integers(0, 2, 300).astype(float), np.ones(40)),
    "one row": (RNG.normal(size=100), np.array([2.0])),
}


@pytest.mark.parametrize("case", CASES)
def test_numbers(case: str, tests: dict) -> None:
    before, now = CASES[case]
    reference, current = numbers(before), numbers(now)
    name = "jensenshannon" if method(reference, current) == JENSEN_SHANNON else "wasserstein"
    series = pd.Series(before), pd.Series(now)
    assert distance(reference, current) == pytest.approx(
        tests["of"](name, "number", *series), **CLOSE
    )
    assert psi(reference, current) == pytest.approx(tests["of"]("psi", "number", *series), **CLOSE)


WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "__odd__", None]), min_size=1, max_size=60)


@settings(max_examples=40)
@given(WORDS, WORDS)
def test_categories(tests: dict, before: list[str | None], now: list[str | None]) -> None:
    assume(any(before) and any(now))
    reference, current = categories(before), categories(now)
    series = pd.Series(before, dtype="str"), pd.Series(now, dtype="str")
    assert distance(reference, current) == pytest.approx(
        tests["of"]("jensenshannon", "category", *series), rel=1e-6, abs=1e-7
    )
    assert psi(reference, current) == pytest.approx(
        tests["of"]("psi", "category", *series), **CLOSE
    )


@settings(max_examples=40)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50),
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50),
)
def test_any_numbers(tests: dict, before: list[float], now: list[float]) -> None:
    reference, current = numbers(before), numbers(now)
    assume(method(reference, current) != JENSEN_SHANNON)
    expected = tests["of"]("wasserstein", "number", pd.Series(before), pd.Series(now))
    assert distance(reference, current) == pytest.approx(expected, **CLOSE)


def test_the_preset_takes_the_same_methods_and_finds_the_same() -> None:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    rng = np.random.default_rng(2)

    def drawn(shift: float) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "wind": rng.gamma(2, 5 + shift, 1200).round(1),
                "flag": (rng.random(1200) < 0.4 + shift / 4).astype(float),
                "carrier": rng.choice(
                    ["AA", "B6", "UA"], 1200, p=[0.5 - shift / 4, 0.3, 0.2 + shift / 4]
                ),
            }
        )

    before, now = drawn(0), drawn(1)
    kinds = DataDefinition(numerical_columns=["wind", "flag"], categorical_columns=["carrier"])
    sides = [Dataset.from_pandas(one, data_definition=kinds) for one in (now, before)]
    found = Report([DataDriftPreset()]).run(*sides).dict()["metrics"]
    scores = {one["config"]["column"]: one["value"] for one in found if "column" in one["config"]}
    for name, made in (("wind", numbers), ("flag", numbers), ("carrier", categories)):
        ours = distance(made(before[name]), made(now[name]))
        assert ours == pytest.approx(scores[name], rel=1e-6)
    assert len(scores) == 3


def test_sketches_come_close(tests: dict) -> None:
    rng = np.random.default_rng(8)
    before, now = rng.gamma(2, 5, 60_000), rng.gamma(2, 6, 40_000)
    reference, current = numbers(before), numbers(now)
    assert not reference.exact
    series = pd.Series(before), pd.Series(now)
    for ours, name, off in ((distance, "wasserstein", 0.002), (psi, "psi", 0.01)):
        assert ours(reference, current) == pytest.approx(
            tests["of"](name, "number", *series), abs=off
        )


def test_a_rare_tail_does_not_make_a_sketch_a_category() -> None:
    zeros = numbers(np.append(np.zeros(3 * 10**6), np.arange(1.0, 5001.0)).astype("float32"))
    assert len(zeros.values) <= 5
    assert method(zeros, zeros) != JENSEN_SHANNON


def test_no_known_row_has_no_distance() -> None:
    empty, some = numbers([np.nan, np.nan]), numbers([1.0, 2.0])
    for pair in ((empty, some), (some, empty), (empty, empty)):
        assert np.isnan(distance(*pair))
        assert np.isnan(psi(*pair))


def test_categories_that_are_not_named_are_one() -> None:
    names = [f"v{number}" for number in range(5000)]
    many = categories(names * 2)
    before, now = align(many, categories(["v0", "unheard of"]))
    assert many.other > 0
    assert len(before) == len(many.values) + 1
    assert before.sum() == pytest.approx(1)
    assert now[[0, -1]].tolist() == [0.5, 0.5]
    assert distance(many, many) == pytest.approx(0)
