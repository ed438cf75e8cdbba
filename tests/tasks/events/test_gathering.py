"""A storm becomes a few wake-ups, and none is lost."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tasks.events.arrival import Arrived
from tasks.events.gathering import MOST_KEYS, QUIET, Gathering, WakeUp

STEPS = st.lists(
    st.tuples(st.sampled_from(["flights", "planes", "boats"]), st.floats(0, 3)), max_size=60
)


def arrived(pipeline: str, number: int = 0) -> Arrived:
    return Arrived("perennial", f"{pipeline}/incoming/{number}.csv")


@given(STEPS)
def test_every_arrival_is_followed_by_a_wake_up_in_time(steps: list[tuple[str, float]]) -> None:
    gathering, now = Gathering(), 100.0
    told: list[tuple[str, float]] = []
    woken: list[tuple[float, WakeUp]] = []
    for pipeline, pause in steps:
        until = now + pause
        while (due := gathering.next_due()) is not None and due <= until:
            woken += [(due, each) for each in gathering.due(due)]
        now = until
        assert gathering.add([arrived(pipeline)], now) == 0
        told.append((pipeline, now))
        woken += [(now, each) for each in gathering.due(now)]
    while (due := gathering.next_due()) is not None:
        woken += [(due, each) for each in gathering.due(due)]
    for pipeline, at in told:
        assert any(each.pipeline == pipeline and at <= then <= at + QUIET for then, each in woken)
    assert sum(each.objects for _, each in woken) == len(told)
    for pipeline, _ in told:
        times = [then for then, each in woken if each.pipeline == pipeline]
        assert all(later - earlier >= QUIET - 1e-9 for earlier, later in pairwise(times))


def test_pipelines_do_not_wait_for_each_other() -> None:
    gathering = Gathering()
    gathering.add([arrived("flights")], 0.0)
    assert len(gathering.due(0.0)) == 1
    gathering.add([arrived("flights"), arrived("planes")], 0.5)
    assert [each.pipeline for each in gathering.due(0.5)] == ["planes"]


def test_a_wake_up_names_some_keys_and_counts_all() -> None:
    gathering = Gathering()
    gathering.add([arrived("flights", number) for number in range(500)], 0.0)
    (wake,) = gathering.due(0.0)
    assert wake.objects == 500
    assert len(wake.keys) == MOST_KEYS


def test_names_without_end_do_not_fill_the_memory() -> None:
    gathering = Gathering(most=10)
    left = gathering.add([arrived(f"p{number}") for number in range(1000)], 0.0)
    assert left == 990
    assert len(gathering.due(0.0)) == 10
    assert gathering.due(100.0) == ()
    assert gathering.add([arrived("late")], 200.0) == 0
    assert len(gathering._until) == 1


def test_the_rest_is_given_once() -> None:
    gathering = Gathering()
    gathering.add([arrived("flights")], 0.0)
    assert len(gathering.rest()) == 1
    assert gathering.rest() == ()
    assert gathering.next_due() is None


def test_a_storm_on_three_pipelines_is_two_wake_ups_of_each() -> None:
    gathering, woken = Gathering(), []
    for number in range(5_000):
        now = 100 + number / 5_000
        assert gathering.add([arrived(f"pipeline-{number % 3}", number)], now) == 0
        woken += gathering.due(now)
    woken += gathering.due(100 + 2 * QUIET)
    assert sorted(each.pipeline for each in woken) == [f"pipeline-{n // 2}" for n in range(6)]
    assert sum(each.objects for each in woken) == 5_000
