"""A replay tests before it trains, knows nothing early, keeps the limits and counts right."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from tasks.backtest.history import Batch, Cell, Fit, History
from tasks.backtest.known import AT_ONCE, InformationSet, Service
from tasks.backtest.plan import choose_policies
from tasks.backtest.replay import Course, replay_all
from tasks.errors import DataError
from tasks.policy.detectors import detect_change
from tasks.policy.limits import Limits
from tasks.policy.policy import parse_policy
from tasks.policy.situation import DriftFigure
from tasks.quantities import Budget
from tests.tasks.backtest.scenes import DAY, MONTH, ROWS, figure, history, situation_after, until

FREE = Limits(cooldown=timedelta(0), budget=Budget(10_000, DAY))
OWN = parse_policy("any(new_rows 60%, all(age 40d, performance 0.01))")
DELAYS = (AT_ONCE, 2 * MONTH, 45 * DAY)


def course(
    source: History, policy: str, delay: timedelta = AT_ONCE, limits: Limits = FREE
) -> Course:
    return replay_all(source, [parse_policy(policy)], limits, delay)[0]


def ends(found: Course) -> list[int]:
    return [one.model_end for one in found.steps]


def test_static_keeps_the_first_model_and_costs_nothing() -> None:
    source = history(8)
    found = course(source, "static")
    assert ends(found) == [1] * 6
    assert (found.retrainings, found.cpu_seconds, found.seconds) == ((), 0, 0)
    assert found.mean == pytest.approx(np.mean([source.values[1, at] for at in range(2, 8)]))


@pytest.mark.parametrize(
    ("policy", "delay", "expected"),
    [
        ("every 1 batch", AT_ONCE, [1, 2, 3, 4, 5, 6]),
        ("every 2 batches", AT_ONCE, [1, 1, 3, 3, 5, 5]),
        ("every 3 batches", AT_ONCE, [1, 1, 1, 4, 4, 4]),
        ("every 1 batch", MONTH, [1, 1, 2, 3, 4, 5]),
        ("every 1 batch", 2 * MONTH, [1, 1, 1, 2, 3, 4]),
        ("every 1 batch", 31 * DAY, [1, 1, 1, 2, 3, 4]),
        ("every 1 batch", 99 * MONTH, [1, 1, 1, 1, 1, 1]),
        ("new_rows 400", AT_ONCE, [1, 1, 3, 3, 5, 5]),
        ("age 59d", AT_ONCE, [1, 1, 3, 3, 5, 5]),
    ],
)
def test_a_model_serves_from_the_next_batch_on_as_far_as_its_labels_had_come(
    policy: str, delay: timedelta, expected: list[int]
) -> None:
    found = course(history(8), policy, delay)
    assert ends(found) == expected
    assert len(found.retrainings) == len(set(expected)) - 1


def test_the_cost_is_that_of_the_models_that_served() -> None:
    found = course(history(8), "every 2 batches")
    assert found.retrainings == (3, 5)
    assert found.cpu_seconds == 4.0 + 6.0
    assert found.seconds == 4.0


def test_a_yes_after_the_last_batch_is_told_but_buys_and_costs_nothing() -> None:
    found = course(history(8), "every 1 batch")
    assert found.steps[-1].decision.rule == "nothing new to learn"
    found = course(history(8, fitted=tuple(range(1, 8))), "every 1 batch")
    assert found.steps[-1].decision.retrain
    assert found.retrainings == (2, 3, 4, 5, 6)


def test_without_anything_new_to_learn_from_the_answer_is_no_and_says_so() -> None:
    found = course(history(8), "every 1 batch", 2 * MONTH)
    assert [one.decision.rule for one in found.steps][:3] == [
        "nothing new to learn",
        "nothing new to learn",
        "every",
    ]


def test_where_a_model_is_missing_the_next_older_one_stands_in() -> None:
    found = course(history(8, fitted=(1, 4)), "every 1 batch")
    assert ends(found) == [1, 1, 1, 4, 4, 4]


def test_drift_and_performance_are_seen_where_they_are() -> None:
    source = history(12, fade=0.03, seed=4)
    fading = course(source, "performance")
    first = next(at for at, one in enumerate(fading.steps) if one.decision.retrain)
    lives = [one.live.value for one in fading.steps[: first + 1] if one.live is not None]
    assert all(value > 0.78 - 1e-9 for value in lives[:-1])
    assert lives[-1] < 0.78
    steady = course(history(12, fade=0.0), "any(performance 0.05, drift, error_drift)")
    assert steady.retrainings == ()


@pytest.mark.parametrize("upwards", [True, False])
def test_errors_are_replayed_as_their_mirror_image(upwards: bool) -> None:
    source = history(12, fade=0.03, seed=4, upwards=upwards)
    gains = replay_all(source, [parse_policy("static"), parse_policy("every 1 batch")], FREE)
    assert (gains[1].mean > gains[0].mean) is upwards


def test_labels_that_come_late_are_not_decided_by() -> None:
    source = history(10, fade=0.05, seed=2)
    early, late = course(source, "performance"), course(source, "performance", 3 * MONTH)
    assert early.retrainings[0] < late.retrainings[0]
    assert all(one.decision.readings[0].fired is None for one in late.steps[:3]), (
        "no label can be there yet"
    )
    assert all(one.live is not None for one in late.steps), "the truth is told all the same"


def test_a_batch_without_labels_is_passed_and_not_counted() -> None:
    source = history(8, unlabelled=(3, 4))
    found = course(source, "every 1 batch")
    assert [one.judged for one in found.steps] == [True, False, False, True, True, True]
    kept = [source.values[one.model_end, one.batch] for one in found.steps if one.judged]
    assert found.mean == pytest.approx(np.mean(kept))


def test_larger_batches_weigh_more_in_the_weighted_mean() -> None:
    source = history(8)
    heavy = tuple(
        replace(one, rows=9 * one.rows, labelled=9 * one.labelled) if at == 5 else one
        for at, one in enumerate(source.batches)
    )
    found = course(replace(source, batches=heavy), "static")
    others = [source.values[1, at] for at in (2, 3, 4, 6, 7)]
    assert found.weighted_mean == pytest.approx((sum(others) + 9 * source.values[1, 5]) / 14)


def poisoned(source: History, after: int, labelled: int) -> History:
    """Return the history with everything turned round that is not known after a batch."""
    terrible = figure(0.01)

    def spoil(key: tuple[int, int], cell: Cell) -> Cell:
        if key[1] > after or key[0] > labelled:
            return Cell(terrible, DriftFigure(1.0, 0.3), terrible, np.ones(500))
        if key[1] > labelled:
            return replace(cell, live=terrible, errors=np.ones(500))
        return cell

    cells = {key: spoil(key, cell) for key, cell in source.cells.items()}
    later = until(999)
    bad = {end: Fit(99.0, 99.0, 1, terrible, later) for end in source.fits if end > labelled}
    batches = tuple(
        Batch(one.name, one.start + 900 * DAY, later, 7, 7, one.arrived + DAY, ("Odd.",))
        if at > after
        else one
        for at, one in enumerate(source.batches)
    )
    return replace(source, cells=cells, batches=batches, fits={**source.fits, **bad})


@pytest.mark.parametrize("delay", DELAYS)
def test_nothing_is_known_before_it_can_be(delay: timedelta) -> None:
    source = history(12, fade=0.02, seed=9)
    limits = Limits(45 * DAY, Budget(3, 200 * DAY), worth=0.001)
    policies = choose_policies(None, OWN)
    before = replay_all(source, policies, limits, delay)
    assert sum(len(one.retrainings) for one in before) > len(policies)
    known, changed = InformationSet(source, delay), 0
    for after in source.replayed:
        spoilt_one = poisoned(source, after, max(known.labelled[after], source.first))
        after_it = replay_all(spoilt_one, policies, limits, delay)
        upto = after - source.first
        for clean, spoilt in zip(before, after_it, strict=True):
            assert [one.decision for one in clean.steps[:upto]] == [
                one.decision for one in spoilt.steps[:upto]
            ]
            assert ends(clean)[: upto + 1] == ends(spoilt)[: upto + 1]
            changed += clean.steps[upto:] != spoilt.steps[upto:]
    assert changed > len(policies), "the poison was in what comes later"


def test_a_replay_declines_what_is_not_worth_its_cost() -> None:
    source = history(8)
    free = course(source, "every 1 batch")
    # nothing is known of what a retraining buys and costs until the first has met a batch
    dear = course(source, "every 1 batch", limits=replace(FREE, max_cost=1e-6))
    assert dear.retrainings == free.retrainings[:1]
    assert dear.cpu_seconds == source.fits[dear.retrainings[0]].cpu_seconds < free.cpu_seconds
    declined = [step.decision for step in dear.steps if step.decision.rule == "not worth it"]
    assert len(declined) == len(source.replayed) - 1
    assert "Not worth it: it is expected to cost 3 CPU seconds" in declined[0].reason
    cheap = course(source, "every 1 batch", limits=replace(FREE, max_cost=1e9))
    assert cheap.retrainings == free.retrainings


@example_settings(max_examples=25)
@given(
    seed=st.integers(0, 1000),
    cooldown=st.integers(0, 100),
    count=st.integers(0, 3),
    window=st.integers(1, 300),
    policy=st.sampled_from(["every 1 batch", "any(performance 0, drift 1%)", "decay 0"]),
    delay=st.sampled_from(DELAYS),
)
def test_no_course_overruns_its_limits(
    seed: int, cooldown: int, count: int, window: int, policy: str, delay: timedelta
) -> None:
    source = history(10, seed=seed, fade=0.03)
    limits = Limits(cooldown * DAY, Budget(count, window * DAY))
    found = course(source, policy, delay, limits)
    times = [source.batches[at].end for at in found.retrainings]
    assert all(later - earlier >= limits.cooldown for earlier, later in pairwise(times))
    assert all(
        sum(start <= one < start + limits.budget.window for one in times) <= count
        for start in times
    )
    assert all(later > earlier for earlier, later in pairwise(sorted(set(ends(found)))))
    assert ends(found) == sorted(ends(found))


@pytest.mark.parametrize("delay", DELAYS)
def test_policies_replayed_together_do_as_each_alone(delay: timedelta) -> None:
    source = history(12, fade=0.02, seed=3)
    policies = choose_policies(None, OWN)
    together = replay_all(source, policies, Limits(), delay)
    assert together == tuple(replay_all(source, [one], Limits(), delay)[0] for one in policies)
    assert together == replay_all(source, policies, Limits(), delay)


def test_errors_fed_batch_by_batch_are_found_as_all_at_once() -> None:
    source = history(12, fade=0.05, seed=5)
    known, service = InformationSet(source), Service(1, 1)
    for at in range(2, 12):
        stream = np.concatenate([source.cells[1, one].errors for one in range(2, at + 1)])
        assert situation_after(known, [service], at).errors == detect_change(stream)


def test_only_what_a_model_met_in_service_counts_as_its_own() -> None:
    source = history(10)
    known = InformationSet(source, 2 * MONTH)
    services = [Service(1, 1), Service(3, 5)]
    fresh = situation_after(known, services, 7)
    assert (fresh.live, fresh.recent, fresh.errors) == (None, (), None)
    later = situation_after(known, services, 9)
    assert later.recent == tuple(source.cells[3, at].live for at in (6, 7))
    assert later.live == later.recent[-1]
    assert later.errors is not None
    assert later.errors.rows == 2 * ROWS
    assert (later.batches, later.rows, later.learnable) == (4, 4 * ROWS, 4 * ROWS)


def test_what_a_retraining_bought_is_measured_on_later_labelled_batches() -> None:
    source = history(10, fade=0.02, seed=6)
    services = [Service(1, 1), Service(3, 3), Service(6, 6)]
    known = InformationSet(source, MONTH)
    values = source.values
    past = [(values[3, 4:7] - values[1, 4:7]).mean(), (values[6, 7:8] - values[3, 7:8]).mean()]
    drop = 0.8 - values[6, 7]
    expected = (sum(past) + 2 * max(0.0, drop)) / 4
    found = situation_after(known, services, 8).expected_gain
    assert found == pytest.approx(expected)
    assert situation_after(known, [Service(1, 1)], 3).expected_gain is None


def test_a_late_batch_never_moves_the_clock_back() -> None:
    source = history(8)
    late = replace(source.batches[4], start=source.batches[0].start, end=source.batches[0].end)
    moved = replace(source, batches=(*source.batches[:4], late, *source.batches[5:]))
    times = [one.decision.at for one in course(moved, "static").steps]
    assert times == sorted(times)


def test_labels_do_not_come_before_their_rows() -> None:
    with pytest.raises(DataError, match="label delay"):
        course(history(8), "static", -DAY)


def test_a_course_is_told_in_json() -> None:
    source = history(8, unlabelled=(3,), fade=0.03)
    for found in replay_all(source, choose_policies(None, parse_policy("static")), Limits()):
        short = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert [one["batch"] for one in short["steps"]] == [2, 3, 4, 5, 6, 7]
        assert "readings" not in short["steps"][0]["decision"]
    nothing = replace(found, mean=math.nan)
    assert nothing.to_dict()["mean"] is None
