"""Threads that go on after whatever ended a round, and what is told of it."""

from __future__ import annotations

import logging
import sys
import threading

import pytest

from deployments.serving.rounds import Rounds
from tests.servers import poll

EVERY = 0.01


class Panic(BaseException):
    """What Rust code raises where it fails: no `Exception`."""


class Work:
    """Fails in each of these ways first; then waits for `gate`, and does its work."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures, self.done = list(failures), 0
        self.gate = threading.Event()

    def __call__(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.gate.wait(10)
        self.done += 1


def test_a_thread_goes_on_after_whatever_ended_a_round(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    rounds, stop = Rounds(told.append), threading.Event()
    work = Work(ValueError("first"), SystemExit(3), Panic("third"))
    work.gate.set()
    with caplog.at_level(logging.ERROR, "perennial.serving"):
        rounds.begin("work", work, EVERY, stop)
        poll(lambda: work.done >= 2, 30, "rounds that work", EVERY)
    stop.set()
    rounds.join("work")
    assert (told, rounds.failures) == (["work"] * 3, {"work": 3})
    assert [record.exc_info is not None for record in caplog.records] == [True] * 3
    assert all("`work`" in record.getMessage() for record in caplog.records)


def test_a_thread_that_fails_for_long_is_ill_until_it_works_again() -> None:
    rounds, stop = Rounds(patience=0.05), threading.Event()
    work = Work(*(ValueError() for _ in range(6)))
    rounds.begin("work", work, EVERY, stop)
    poll(lambda: "`work` fails" in rounds.ill(), 30, "that it is told", EVERY)
    work.gate.set()
    poll(lambda: not rounds.ill(), 30, "that it works again", EVERY)
    assert work.done > 0
    stop.set()
    rounds.join("work")


def test_a_thread_that_waits_is_not_ill_and_one_that_ended_is() -> None:
    rounds, stop, work = Rounds(patience=0.0), threading.Event(), Work()
    first = rounds.begin("work", work, EVERY, stop)
    assert not first.wait(0.05)
    assert rounds.ill() == ""
    ended = threading.Thread(target=sys.getsizeof, args=("",), name="another's")
    ended.start()
    rounds.watch(ended)
    ended.join()
    assert "`another's` ended" in rounds.ill()
    stop.set()
    work.gate.set()
    rounds.join("work")
    assert first.is_set()
