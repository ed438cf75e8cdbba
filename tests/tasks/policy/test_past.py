"""What a past says of the situation: clocks, figures, what can be learned, what was bought."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tasks.policy.past import Accepted, GateGain, Incumbent, Meeting, Past, situation
from tasks.policy.situation import Refusals
from tests.tasks.policy.scenes import figure

DAY = timedelta(days=1)
START = datetime(2013, 4, 1)
CAME = datetime(2013, 5, 1)


def batch(number: int, **changes: object) -> Accepted:
    return replace(Accepted(f"b{number}", CAME + number * DAY, 100, 90), **changes)


def meeting(number: int, model: int = 2, **changes: object) -> Meeting:
    return replace(Meeting(model, START + number * DAY, live=figure(0.7)), **changes)


PAST = Past(
    incumbent=Incumbent(2, 2, 2, 1000, START, figure(0.72)),
    batches=tuple(batch(number) for number in range(4)),
    refusals=(),
    meetings=(meeting(1, model=1, live=figure(0.5)), meeting(2), meeting(3, live=figure(0.69))),
    verdicts=(),
    retrainings=(),
    labels=(),
    errors=None,
    running=False,
    greater_is_better=True,
)


def test_what_came_since_the_champion_counts_and_what_it_met_is_its_own() -> None:
    found = situation(PAST)
    assert (found.batches, found.rows, found.learnable) == (2, 200, 180)
    assert found.recent == (figure(0.7), figure(0.69))
    assert found.live == figure(0.69)
    assert found.at == START + 3 * DAY
    assert found.refused == Refusals(0.0, 4)


def test_an_old_batch_turns_no_clock_back_and_its_figure_is_nobodys_fault() -> None:
    late = meeting(-400, late=True, live=figure(0.1))
    found = situation(replace(PAST, meetings=(*PAST.meetings, late)))
    assert found.at == START + 3 * DAY
    assert found.live == figure(0.69)


def test_a_batch_that_vouches_for_no_time_moves_no_clock() -> None:
    unknown = meeting(0, last=None)
    assert situation(replace(PAST, meetings=(*PAST.meetings, unknown))).at == START + 3 * DAY


def test_a_retraining_decided_by_a_clock_that_ran_ahead_holds_nothing_back() -> None:
    ahead = replace(PAST, retrainings=(START, datetime(2041, 5, 1)))
    assert situation(ahead).retrainings == (START,)


def test_the_newest_batch_with_labels_is_the_live_one() -> None:
    blind = meeting(4, live=None)
    found = situation(replace(PAST, meetings=(*PAST.meetings, blind)))
    assert found.live == figure(0.69)
    assert found.at == START + 4 * DAY


def test_refusals_count_among_the_latest_ten_of_both() -> None:
    many = tuple(batch(number) for number in range(30))
    late = replace(PAST, batches=many, refusals=(CAME + 27.5 * DAY, CAME - DAY, CAME + 28.5 * DAY))
    assert situation(late).refused == Refusals(0.2, 10)
    assert situation(replace(PAST, batches=(), refusals=())).refused == Refusals(0.0, 0)


def test_what_is_held_back_cannot_be_learned_and_what_was_cleared_is_new() -> None:
    held = replace(PAST, batches=(*PAST.batches[:3], batch(3, held=True)))
    assert situation(held).learnable == 90
    knows_less = replace(PAST.incumbent, without=frozenset({"b0"}))
    assert situation(replace(PAST, incumbent=knows_less)).learnable == 270
    still = (batch(0, held=True), *PAST.batches[1:])
    assert situation(replace(PAST, incumbent=knows_less, batches=still)).learnable == 180


def test_labels_in_files_of_their_own_are_learned_from_too() -> None:
    incumbent = replace(PAST.incumbent, labels=1)
    assert situation(replace(PAST, incumbent=incumbent, labels=(50, 7, 3))).learnable == 190


@pytest.mark.parametrize(
    ("verdicts", "gains", "expected"),
    [
        ((), (), None),
        ((GateGain(2, 0.05),), (), 0.05),
        ((GateGain(2, None),), (), None),
        ((GateGain(2, 0.05),), (0.01, 0.03), 0.02),
        ((GateGain(3, -0.01), GateGain(2, 0.05)), (0.03,), 0.01),
        ((GateGain(2, 0.01), GateGain(2, 0.05)), (), 0.05),
    ],
)
def test_what_a_retraining_bought_is_measured_later_and_until_then_the_gates(
    verdicts: tuple[GateGain, ...], gains: tuple[float, ...], expected: float | None
) -> None:
    met = tuple(meeting(5 + place, gain=gain, live=None) for place, gain in enumerate(gains))
    unlabelled = tuple(replace(one, live=None) for one in PAST.meetings)
    past = replace(PAST, meetings=(*unlabelled, *met), verdicts=verdicts)
    found = situation(past).expected_gain
    assert found == (None if expected is None else pytest.approx(expected))


def test_the_suspicions_of_the_newest_batch_alone_hold_a_retraining_back() -> None:
    odd = replace(PAST.meetings[1], suspicions=("Odd.",))
    earlier = replace(PAST, meetings=(PAST.meetings[0], odd, PAST.meetings[2]))
    assert situation(earlier).suspicions == ()
    assert situation(replace(PAST, meetings=(*PAST.meetings, odd))).suspicions == ("Odd.",)
