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
from tasks.promotion.rule import Rule
from tasks.promotion.rules import RULES
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


PASSING = [
    GOOD,
    ERRORS,
    replace(GOOD, champion=None, slices=()),
    # less than is tolerated, and perhaps by chance
    replace(GOOD, best=Comparison(1, 900, 0.72, Interval(-0.019, -0.03, -0.01))),
    replace(GOOD, best=Comparison(1, 900, 0.76, Interval(-0.05, -0.2, 0.01))),
    # it makes up for a part of what was lost
    replace(
        GOOD,
        champion=Comparison(3, 5000, 0.68, Interval(0.03, 0.01, 0.05)),
        best=Comparison(1, 900, 0.74, Interval(-0.03, -0.05, -0.01)),
    ),
]


@pytest.mark.parametrize("evidence", PASSING)
def test_good_evidence_passes(evidence: Evidence) -> None:
    verdict = judge(evidence, GATE)
    assert verdict.passed
    assert verdict.reasons == ()


def gain(value: float, low: float, high: float) -> Evidence:
    return replace(GOOD, champion=Comparison(3, 5000, 0.7, Interval(value, low, high)))


FAULTS = [
    (replace(GOOD, rows=199), "enough rows"),
    (replace(GOOD, champion=None, slices=(), strange=1700), "knows the classes"),
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
    (replace(GOOD, best=Comparison(1, 900, 0.74, Interval(-0.03, -0.05, -0.01))),
     "not worse than the best before"),
    (replace(GOOD, best=Comparison(1, 900, 0.74, Interval(NAN, NAN, NAN))),
     "not worse than the best before"),
    (replace(ERRORS, best=Comparison(1, 900, 98.0, Interval(-2.1, -3.0, -1.0))),
     "not worse than the best before"),
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


def test_a_series_that_the_row_before_tells_gets_a_way_out() -> None:
    beside = (Baseline("mean", 200.0), Baseline("last_value", 99.0))
    (reason,) = judge(replace(ERRORS, baselines=beside), GATE).reasons
    assert "not surely better than last_value" in reason
    assert "bring earlier labels as columns of the file and of each request" in reason
    (other,) = judge(replace(ERRORS, baselines=(Baseline("mean", 99.0),)), GATE).reasons
    assert "earlier labels" not in other


def test_a_bad_calibration_says_what_it_means_and_what_mends_it() -> None:
    (reason,) = judge(replace(ERRORS, calibration_error=0.2032), GATE).reasons
    assert "error 0.2032, at most 0.1. On average the predictions lie too high or too low" in reason
    assert "standard deviations of the target" in reason
    assert "`training.window`" in reason
    (reason,) = judge(replace(GOOD, calibration_error=0.2032), GATE).reasons
    assert "error 0.2032, at most 0.1. What it states as probabilities is off" in reason
    assert "`families`" in reason


def test_a_row_before_that_tells_less_than_the_columns_gets_no_such_advice() -> None:
    coin = replace(GOOD, score=Interval(0.5403, 0.48, 0.6))
    beside = (Baseline("prior", 0.5), Baseline("last_value", 0.4659, Interval(0.07, -0.01, 0.15)))
    (reason,) = judge(replace(coin, baselines=beside), GATE).reasons
    assert "not surely better than prior, last_value" in reason
    assert "row before" not in reason
    errors = (Baseline("last_value", 104.0, Interval(4.0, -1.0, 9.0)),)
    (reason,) = judge(replace(ERRORS, baselines=errors), GATE).reasons
    assert "not surely better than last_value" in reason
    assert "row before" not in reason


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_has_cases_that_fire_it_and_cases_that_it_lets_pass(rule: Rule) -> None:
    outcomes = [rule(evidence, GATE) for evidence in PASSING]
    assert all(outcome.passed for outcome in outcomes)
    (name,) = {outcome.rule for outcome in outcomes}
    firing = [broken for broken, which in FAULTS if which == name]
    assert firing, f"no case in FAULTS fires the rule {name!r}"
    assert not any(rule(broken, GATE).passed for broken in firing)


def test_rows_of_new_classes_are_told_also_where_the_rule_passes() -> None:
    for evidence in (replace(GOOD, strange=1250), replace(GOOD, champion=None, strange=1250)):
        (outcome,) = [one for one in judge(evidence, GATE).rules if one.rule == "knows the classes"]
        assert outcome.passed
        assert outcome.figures.startswith(
            "1,250 of 6,250 rows (20.0%) are of classes that came after the rows it was fitted on; "
            "its figures stand on the other 5,000"
        )


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


FIRST = replace(GOOD, champion=None, slices=())
LENIENT = Gate(first="lenient")
WEAK = [
    (replace(FIRST, rows=180), "enough rows"),
    (replace(FIRST, strange=1700), "knows the classes"),
    (replace(FIRST, baselines=(Baseline("mean", 0.5, Interval(0.01, -0.02, 0.04)),)),
     "beats the naive baselines"),
    (replace(FIRST, baselines=(Baseline("prior", 0.705),)), "beats the naive baselines"),
    (replace(ERRORS, champion=None, slices=(), baselines=(Baseline("mean", 102.0),)),
     "beats the naive baselines"),
    (replace(FIRST, calibration_error=0.1051), "calibrated"),
    (replace(FIRST, latency=0.0065), "latency and size in budget"),
]  # fmt: skip
UNFIT = [
    (replace(FIRST, baselines=()), "beats the naive baselines"),
    (replace(FIRST, baselines=(Baseline("prior", 0.72),)), "beats the naive baselines"),
    (replace(FIRST, baselines=(Baseline("last", 0.5, Interval(-0.01, -0.05, 0.03)),)),
     "beats the naive baselines"),
    (replace(FIRST, baselines=(Baseline("a", 0.5), Baseline("b", NAN))),
     "beats the naive baselines"),
    (replace(FIRST, golden_difference=1.1e-4), "answers as the fitted model"),
]  # fmt: skip


@pytest.mark.parametrize(("weak", "rule"), WEAK)
def test_a_first_model_may_be_weak_where_the_file_says_so_and_the_warning_stays(
    weak: Evidence, rule: str
) -> None:
    assert not judge(weak, GATE).passed
    verdict = judge(weak, LENIENT)
    assert verdict.passed
    assert verdict.reasons == ()
    (warning,) = verdict.warnings
    assert warning.startswith(f"{rule}: ")
    assert verdict.to_markdown().startswith("**Passed**")
    assert "| warning |" in verdict.to_markdown()
    assert read(Verdict, plain(verdict), "verdict") == verdict


@pytest.mark.parametrize(("unfit", "rule"), UNFIT)
def test_no_first_model_is_worse_than_a_naive_prediction_or_another_than_was_judged(
    unfit: Evidence, rule: str
) -> None:
    verdict = judge(unfit, LENIENT)
    assert not verdict.passed
    (reason,) = verdict.reasons
    assert reason.startswith(f"{rule}: ")


BESIDE = [case for case in FAULTS if case[0].champion is not None]


@pytest.mark.parametrize(("broken", "rule"), BESIDE)
def test_beside_a_champion_nothing_is_lenient(broken: Evidence, rule: str) -> None:
    assert judge(broken, LENIENT) == judge(broken, GATE)


@pytest.mark.parametrize("gate", [GATE, LENIENT])
@pytest.mark.parametrize(("broken", "rule"), [*FAULTS, *WEAK, *UNFIT])
def test_a_refusal_names_the_command_and_the_keys_of_the_file(
    broken: Evidence, rule: str, gate: Gate
) -> None:
    verdict = judge(broken, gate)
    said = verdict.ways_through("toy", 3)
    if verdict.passed:
        assert said == ""
        return
    assert '`perennial promote toy 3 --override "WHY"`' in said
    keys = {key for outcome in verdict.rules for key in outcome.keys}
    assert all(key in said for key in keys)
    assert ("toy.yaml" in said) == bool(keys)
    for key in keys - {"gate.first: lenient"}:
        assert key.removeprefix("gate.") in Gate.model_fields


def test_a_key_that_is_named_lets_it_through() -> None:
    few = replace(FIRST, rows=180)
    assert "gate.min_rows or gate.first: lenient in toy" in judge(few, GATE).ways_through("toy", 1)
    assert judge(few, Gate(min_rows=180)).passed
    assert judge(few, LENIENT).passed


def test_judged_rows_of_a_cross_validation_are_told_as_such() -> None:
    rule = judge(replace(FIRST, rows=344, folds=5), GATE).rules[0]
    assert rule.passed
    assert rule.figures == "344 rows, at least 200 needed; cross-validation, 5 folds"
