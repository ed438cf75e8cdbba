"""Each signal fires where it says, says why where it cannot be evaluated, and holds its figures."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.policy.detectors import detect_change
from tasks.policy.limits import Limits
from tasks.policy.policy import conditions, parse_policy
from tasks.policy.reading import SignalReading
from tasks.policy.signals import MEASURED, SIGNALS, read_signal
from tasks.policy.situation import DriftFigure, ErrorChange, MetricValue, Refusals, Situation, loss
from tasks.records import plain, read
from tests.tasks.policy.cases import CASES
from tests.tasks.policy.scenes import QUIET, figure

LIMITS = Limits()
NOTHING = replace(
    QUIET,
    fitted_rows=0,
    live=None,
    recent=(),
    estimated=None,
    drift=None,
    errors=None,
    refused=None,
)
UNDEFINED = MetricValue("roc_auc", math.nan, math.nan, math.nan, 500, 500)


def reading(policy: str, situation: Situation, limits: Limits = LIMITS) -> SignalReading:
    (leaf,) = conditions(parse_policy(policy))
    return read_signal(leaf.signal, leaf.amount, situation, limits)


@pytest.mark.parametrize("name", SIGNALS)
def test_every_registered_signal_has_a_case_and_fires_there_alone(name: str) -> None:
    policy, change = CASES[name]
    assert reading(policy, QUIET).signal == name
    assert reading(policy, QUIET).fired is False
    if change is not None:
        assert reading(policy, replace(QUIET, **change)).fired is True


def test_no_case_is_of_a_signal_that_is_not_there() -> None:
    assert set(CASES) == set(SIGNALS)


FIRES: list[tuple[str, dict[str, Any]]] = [
    ("new_rows 60000", {"rows": 60_000}),
    ("drift 20%", {"drift": DriftFigure(0.25, 0.3)}),
    ("performance 0.05", {"live": figure(0.64)}),
    ("error_drift", {"errors": ErrorChange(900, 1, True, 0.1, 0.2)}),
    ("quality 5%", {"refused": Refusals(0.06, 8)}),
]


@pytest.mark.parametrize(("policy", "change"), FIRES)
def test_a_signal_fires_at_its_amount_and_not_in_a_quiet_month(
    policy: str, change: dict[str, Any]
) -> None:
    assert reading(policy, replace(QUIET, **change)).fired is True
    assert reading(policy, QUIET).fired is False


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_says_one_sentence_and_figures_that_json_can_hold(name: str) -> None:
    for situation in (QUIET, NOTHING):
        found = read_signal(name, None, situation, LIMITS)
        assert found.signal == name
        assert found.said.endswith(".")
        text = json.dumps(plain(found), allow_nan=False)
        assert read(SignalReading, json.loads(text), "reading") == found


@pytest.mark.parametrize(
    "name",
    [name for name in MEASURED if name not in ("every", "new_rows", "age")] + ["new_rows 25%"],
)
def test_what_is_not_known_cannot_be_evaluated_and_says_why(name: str) -> None:
    found = reading(name, NOTHING)
    assert found.fired is None
    assert any(word in found.said for word in ("No labels yet", "not known", "not estimated"))


@pytest.mark.parametrize("name", ["every", "new_rows", "age"])
def test_a_signal_without_any_limit_reports_and_does_not_fire(name: str) -> None:
    found = read_signal(name, None, QUIET, LIMITS)
    assert found.fired is False
    assert found.figures
    assert "no limit is set" in found.said


def test_a_large_drop_within_chance_does_not_fire() -> None:
    wide = reading("performance", replace(QUIET, live=figure(0.66, around=0.05)))
    assert wide.fired is False
    assert "may be chance" in wide.said


def test_a_sure_drop_that_is_allowed_does_not_fire() -> None:
    narrow = replace(QUIET, live=figure(0.685, 0.001), reference=figure(0.70, 0.001))
    found = reading("performance", narrow)
    assert found.fired is False
    assert "within the 0.020 allowed" in found.said


def test_the_label_coverage_is_always_stated() -> None:
    found = reading("performance", replace(QUIET, live=figure(0.69, labelled=7_000)))
    assert "28,000 rows, 25% of them labelled" in found.said
    assert found.figures["coverage"] == 0.25


@pytest.mark.parametrize("policy", ["performance", "estimated_performance"])
@pytest.mark.parametrize("side", ["now", "reference"])
def test_a_metric_without_value_is_not_a_drop(policy: str, side: str) -> None:
    undefined = (
        replace(QUIET, live=UNDEFINED, estimated=UNDEFINED)
        if side == "now"
        else replace(QUIET, reference=UNDEFINED)
    )
    found = reading(policy, undefined)
    assert found.fired is None
    assert "no value and interval" in found.said


def errors(value: float, around: float) -> MetricValue:
    return MetricValue("rmse", value, value - around, value + around, 1000, 1000)


def test_for_an_error_a_drop_is_a_share_of_the_reference() -> None:
    scene = replace(QUIET, reference=errors(100, 2), greater_is_better=False, recent=())
    assert reading("performance 0.1", replace(scene, live=errors(109, 2))).fired is False
    worse = reading("performance 0.1", replace(scene, live=errors(112, 2)))
    assert worse.fired is True
    assert worse.figures["drop"] == pytest.approx(0.12)
    assert "worse by 12.0%, more than the 10.0% allowed" in worse.said
    assert reading("performance 0.1", replace(scene, live=errors(80, 2))).fired is False


def test_decay_holds_live_against_live_and_not_against_a_flattering_holdout() -> None:
    flattered = replace(QUIET, reference=figure(0.80), recent=(figure(0.70), figure(0.69)))
    assert reading("performance", flattered).fired is True
    assert reading("decay", flattered).fired is False


def test_decay_is_not_misled_by_one_lucky_small_batch() -> None:
    lucky = figure(0.80, around=0.12, rows=50, labelled=50)
    scene = replace(QUIET, recent=(lucky, figure(0.70), figure(0.69)))
    assert reading("decay", scene).figures["reference_value"] == pytest.approx(0.70)


@given(
    st.floats(0.5, 0.9),
    st.floats(0.5, 0.9),
    st.floats(0.001, 0.1),
    st.floats(0.001, 0.1),
    st.floats(0, 0.2),
)
def test_a_fall_mirrors_when_the_metric_is_turned_round(
    before: float, now: float, a: float, b: float, drop: float
) -> None:
    up = replace(QUIET, reference=figure(before, a), live=figure(now, b))
    down = replace(
        QUIET,
        greater_is_better=False,
        reference=MetricValue("error", 1.0, 1 - a, 1 + a, 9, 9),
        live=MetricValue(
            "error", 1 + before - now, 1 + before - now - b, 1 + before - now + b, 9, 9
        ),
    )
    one = reading("performance", up, Limits(drop=drop))
    other = reading("performance", down, Limits(drop=drop))
    edge = min(abs(before - now - drop), abs((before - a) - (now + b)))
    assert edge < 1e-9 or one.fired == other.fired
    assert loss(before, now, True) == pytest.approx(loss(1.0, 1 + before - now, False))


def test_an_age_never_runs_backwards() -> None:
    early = replace(QUIET, at=QUIET.fitted_until - timedelta(days=3))
    assert reading("age 1d", early).figures["days"] == 0


@pytest.mark.parametrize("name", SIGNALS)
def test_numpy_numbers_are_told_in_json_as_well(name: str) -> None:
    boxed = replace(
        QUIET,
        rows=np.int64(10),
        batches=np.int32(1),
        live=MetricValue("roc_auc", *np.float32([0.5, 0.4, 0.6]), np.int64(10), np.int64(9)),
        drift=DriftFigure(np.float32(0.5), np.float64(0.3)),
        errors=detect_change(np.array([0.5, 0.25], dtype=np.float32)),
    )
    json.dumps(plain(read_signal(name, None, boxed, LIMITS)), allow_nan=False)


def test_labels_of_what_the_champion_learned_from_are_not_said_to_be_none() -> None:
    said = reading("performance", replace(QUIET, live=None)).said
    assert "of rows that came after the champion's" in said
