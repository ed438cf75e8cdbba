"""A host whose clock differs from the store's by hours keeps nothing that waits back for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.ingestion.trouble import Troubles
from tasks.monitoring.arrivals import Arrival
from tasks.reconciliation.attempts import Attempts
from tasks.reconciliation.chain import look_at_incoming, look_at_monitoring
from tasks.reconciliation.missing import GRACE, find_missing
from tasks.reconciliation.standing import Standing
from tasks.store.bucket import ObjectInfo
from tasks.store.lease import Holding

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BOTH_WAYS = pytest.mark.parametrize("off", [timedelta(hours=-6), timedelta(hours=6)])


@BOTH_WAYS
def test_what_waits_is_started_within_two_minutes_of_its_arrival(off: timedelta) -> None:
    """`off` is how far the host's clock is ahead of the store's."""
    came = NOON
    for flow in ("ingest", "label", "monitor", "train"):
        (launch,) = find_missing("toy", {flow: [("a", came)]}, set(), came + off + 2 * MINUTE)
        assert launch.flow == flow
        assert not find_missing("toy", {flow: [("a", came)]}, {flow}, came + off + 2 * MINUTE)


def test_what_came_just_now_is_left_to_its_event_where_clocks_differ_a_little() -> None:
    for off in (-GRACE / 2, GRACE / 2):
        assert find_missing("toy", {"ingest": [("a", NOON)]}, set(), NOON + off) == ()


@BOTH_WAYS
def test_what_waits_is_told(off: timedelta) -> None:
    file = ObjectInfo("toy/incoming/a.csv", 3, "ab", NOON)
    none = Troubles(0, 0)
    standing = Standing(
        "toy",
        pending={"rows": (file,), "labels": ()},
        troubles={"rows": none, "labels": none},
        undecided=(Arrival("b", 1, "toy/incoming/b.csv", 9, NOON),),
    )
    now = NOON + off + 5 * MINUTE
    assert look_at_incoming(standing, now).state == "wrong"
    assert look_at_monitoring(standing, now).state == "wrong"


@BOTH_WAYS
def test_a_start_in_vain_and_a_lease_hold_nothing_for_hours(off: timedelta) -> None:
    """The clock was put right, or another host with another one looks."""
    tried = replace(Attempts("train", "d", "c"), starts=9, last=NOON)
    assert tried.is_due(NOON + off, MINUTE)
    assert not Holding("a", NOON + MINUTE).is_on(NOON + off, 60)
