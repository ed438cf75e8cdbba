"""A recorded year of flights: every decision follows again from what was known before it."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.ledger.entry import Entry
from tasks.monitoring.arrivals import decision_id, up_to
from tasks.monitoring.past import read_observation, recorded_past
from tasks.policy.decision import decide
from tasks.policy.past import Past, situation
from tasks.policy.policy import parse_policy
from tests.tasks.monitoring.year import Year, recorded

YEAR = recorded()
DECISIONS = [
    entry
    for entry in YEAR.entries
    if entry.kind == "decision" and read_observation(entry) is not None
]


def past_before(year: Year, entry: Entry) -> Past:
    """Return what was known when a decision was due."""
    seen = read_observation(entry)
    assert seen is not None
    (arrival,) = (
        one for one in year.arrivals if decision_id(one.batch, labels=one.labels) == entry.id
    )
    return recorded_past(
        year.champions[seen.version],
        seen,
        year.errors[seen.batch],
        up_to(year.arrivals, arrival),
        [one for one in year.entries if one.at < entry.at],
        greater_is_better=year.greater_is_better,
    )


@pytest.mark.parametrize("entry", DECISIONS, ids=lambda one: one.figures["object"][-20:])
def test_every_decision_is_given_again_with_reason_and_figures(entry: Entry) -> None:
    past = past_before(YEAR, entry)
    again = decide(parse_policy(YEAR.policy), situation(past), YEAR.limits)
    assert again.to_dict() == entry.figures["decision"]


def test_the_year_decides_as_it_always_did() -> None:
    live = [seen.live.value for seen in map(read_observation, DECISIONS) if seen and seen.live]
    assert np.mean(live) == pytest.approx(0.712, abs=0.0005)
    assert [round(value, 3) for value in live] == [
        0.664, 0.760, 0.755, 0.757, 0.703, 0.718, 0.666, 0.681, 0.707,
    ]  # fmt: skip
    assert sum(entry.figures["decision"]["retrain"] for entry in DECISIONS) == 6


def test_what_retrainings_bought_is_known_by_the_end() -> None:
    """Each model that served was scored beside the one it replaced, on later rows."""
    past = past_before(YEAR, DECISIONS[-1])
    measured = {meeting.model for meeting in past.meetings if meeting.gain is not None}
    served = {meeting.model for meeting in past.meetings}
    assert measured == served - {1}
    assert situation(past).expected_gain is not None
    assert past.refusals, "July came once with mistakes, and was refused"
