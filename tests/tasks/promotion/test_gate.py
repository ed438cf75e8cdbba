"""The gate's rules, one by one, and the verdict."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config import Gate
from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.slices import Slice
from tasks.pages.markdown import escape
from tasks.promotion.evidence import Baseline, Comparison, Evidence
from tasks.promotion.gate import Verdict, follows, judge
from tasks.promotion.rules import RULES, Rule
from tasks.records import plain, read

GATE = Gate()
NAN = math.nan
GOOD = Evidence(
    rows=5000,
    metric="roc_auc",
    greater_is_better=True,
    score=Interval(0.71, 0.70, 0.72),
    baselines=(Baseline("prior", 0.5),),
    champion=Comparison(3, 5000, 0.70, Interval(0.01, -0.005, 0.02)),
    slices=(Slice("origin", "JFK", 900, Interval(0.0, -0.01, 0.01), False),),
    calibration_error=0.02,
    golden_difference=3e-7,
    latency=0.0001,
    size=2**20,
)
ERRORS = replace(
    GOOD,
    metric="rmse",
    greater_is_better=False,
    score=Interval(100.0, 95.0, 105.0),
    baselines=(Baseline("mean", 200.0),),
    champion=Comparison(3, 5000, 101.0, Interval(1.0, -1.9, 3.0)),
)


def failed(evidence: Evidence, gate: Gate = GATE) -> list[str]:
    return [one.rule for one in judge(evidence, gate).rules if not one.passed]


PASSING = [GOOD, ERRORS, replace(GOOD, champion=None, slices=())]


@pytest.mark.parametrize("evidence", PASSING)
def test_good_evidence_passes(evidence: Evidence) -> None:
    verdict = judge(evidence, GATE)
    assert verdict.passed
    assert verdict.reasons == ()


def gain(value: float, low: float, high: float) -> Evidence:
    return replace(GOOD, champion=Comparison(3, 5000, 0.7, Interval(value, low, high)))


FAULTS = [
    (replace(GOOD, rows=199), "enough rows"),
    (replace(GOOD, baselines=()), "beats the naive baselines"),
    (replace(GOOD, baselines=(Baseline("prior", 0.705),)), "beats the naive baselines"),
    (replace(GOOD, baselines=(Baseline("a", 0.5), Baseline("b", NAN))),
     "beats the naive baselines"),
    (replace(GOOD, baselines=(Baseline("last", 0.5, Interval(0.2, -0.01, 0.3)),)),
     "beats the naive baselines"),
    (replace(ERRORS, baselines=(Baseline("mean", 104.0),)), "beats the naive baselines"),
    (gain(-0.004, -0.007, -0.001), "not worse than the champion"),
    (gain(0.001, -0.021, 0.03), "not worse than the champion"),
    (gain(-0.05, -0.06, -0.04), "not worse than the champion"),
    (gain(NAN, NAN, NAN), "not worse than the champion"),
    (gain(0.01, NAN, NAN), "not worse than the champion"),
    (replace(ERRORS, champion=Comparison(3, 9, 100.0, Interval(1.0, -2.1, 3.0))),
     "not worse than the champion"),
    (replace(GOOD, slices=(Slice("a", "b", 60, Interval(-0.03, -0.05, -0.01), False),)),
     "no slice falls"),
    (replace(GOOD, calibration_error=0.11), "calibrated"),
    (replace(GOOD, calibration_error=NAN), "calibrated"),
    (replace(GOOD, golden_difference=1.1e-4), "answers as the fitted model"),
    (replace(GOOD, golden_difference=NAN), "answers as the fitted model"),
    (replace(GOOD, latency=0.0051), "latency and size in budget"),
    (replace(GOOD, latency=NAN), "latency and size in budget"),
    (replace(GOOD, size=201 * 2**20), "latency and size in budget"),
]  # fmt: skip


@pytest.mark.parametrize(("broken", "rule"), FAULTS)
def test_each_fault_fails_its_rule_alone(broken: Evidence, rule: str) -> None:
    assert failed(broken) == [rule]
    (reason,) = judge(broken, GATE).reasons
    assert reason.startswith(f"{rule}: ")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_has_cases_that_fire_it_and_cases_that_it_lets_pass(rule: Rule) -> None:
    outcomes = [rule(evidence, GATE) for evidence in PASSING]
    assert all(outcome.passed for outcome in outcomes)
    (name,) = {outcome.rule for outcome in outcomes}
    firing = [broken for broken, which in FAULTS if which == name]
    assert firing, f"no case in FAULTS fires the rule {name!r}"
    assert not any(rule(broken, GATE).passed for broken in firing)


def test_an_improvement_need_not_be_significant() -> None:
    assert failed(gain(0.0, -0.02, 0.02)) == []


def test_a_loss_that_may_be_chance_is_taken_where_no_gain_is_asked_for() -> None:
    assert failed(gain(-0.001, -0.004, 0.002)) == []
    asked = failed(gain(-0.001, -0.004, 0.002), Gate(min_gain=0.001))
    assert asked == ["not worse than the champion"]


@pytest.mark.parametrize(("both", "fails"), [((0.15, 0.15), False), ((0.15, 0.12), True)])
def test_a_calibration_over_the_limit_is_held_against_the_champions(
    both: tuple[float, float], fails: bool
) -> None:
    champion = Comparison(3, 5000, 0.7, Interval(0.01, 0.0, 0.02), calibration=both)
    found = failed(replace(GOOD, champion=champion, calibration_error=0.15))
    assert found == (["calibrated"] if fails else [])


def test_min_gain_is_asked_for() -> None:
    gate = Gate(min_gain=0.005)
    assert failed(gain(0.005, 0.001, 0.01), gate) == []
    assert failed(gain(0.004, 0.001, 0.01), gate) == ["not worse than the champion"]


def test_thresholds_of_errors_are_shares_of_the_champions_error() -> None:
    gate = Gate(min_gain=0.05)
    big = Comparison(3, 5000, 1000.0, Interval(51.0, 40.0, 60.0))
    assert failed(replace(ERRORS, champion=big), gate) == []
    small = replace(big, gain=Interval(49.0, 40.0, 60.0))
    assert failed(replace(ERRORS, champion=small), gate) == ["not worse than the champion"]


@pytest.mark.parametrize(
    "part",
    [
        Slice("a", "small but real", 60, Interval(-0.019, -0.03, -0.01), False),
        Slice("a", "large but uncertain", 60, Interval(-0.1, -0.3, 0.01), False),
        Slice("a", "too small", 3, Interval(-0.9, NAN, NAN), True),
    ],
)
def test_a_slice_falls_only_by_a_large_and_real_loss(part: Slice) -> None:
    assert failed(replace(GOOD, slices=(part,))) == []


def test_a_paired_gain_over_a_baseline_decides_where_there_is_one() -> None:
    wide = replace(ERRORS, score=Interval(100.0, 60.0, 260.0))
    assert failed(wide) == ["beats the naive baselines"]
    paired = Baseline("mean", 200.0, Interval(100.0, 50.0, 150.0))
    assert failed(replace(wide, baselines=(paired,))) == []


def test_the_verdict_shows_every_rule_with_its_figures() -> None:
    verdict = judge(replace(GOOD, rows=3, latency=1.0), GATE)
    text = verdict.to_markdown()
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(table) == 1 + len(RULES)
    assert all(escape(one.figures) in text for one in verdict.rules)
    assert text.count("**failed**") == 2
    assert read(Verdict, plain(verdict), "verdict") == verdict


def test_a_pipe_in_a_slice_name_does_not_break_the_table() -> None:
    part = Slice("a|b", "x\ny", 60, Interval(-0.03, -0.05, -0.01), False)
    text = judge(replace(GOOD, slices=(part,)), GATE).to_markdown()
    row = next(line for line in text.splitlines() if "no slice falls" in line)
    assert row.replace("\\|", "").count("|") == 5


def test_approval_is_no_rule() -> None:
    manual = Gate(approval="manual")
    assert judge(GOOD, manual) == judge(GOOD, GATE)
    assert follows(judge(GOOD, manual), manual) == "awaiting approval"
    assert follows(judge(GOOD, GATE), GATE) == "promote"
    assert follows(judge(replace(GOOD, rows=1), manual), manual) == "refused"


@given(
    value=st.floats(-0.1, 0.1),
    width=st.floats(0, 0.1),
    better=st.floats(0, 0.1),
)
def test_a_better_challenger_never_fares_worse(value: float, width: float, better: float) -> None:
    before = gain(value, value - width, value + width)
    more = value + better
    after = gain(more, more - width, more + width)
    assert set(failed(after)) <= set(failed(before))
