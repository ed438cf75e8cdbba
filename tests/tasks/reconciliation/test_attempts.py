"""What is started in vain is given up after a few tries, and a person is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.errors import ENCOUNTERED
from tasks.events.event import Event
from tasks.monitoring.answers import record_failure
from tasks.reconciliation.attempts import (
    TRIES,
    Attempts,
    continued,
    forget_attempts,
    keep_attempts,
    read_attempts,
)
from tasks.reconciliation.chain import first_fault, follow_chain
from tasks.reconciliation.missing import Launch, find_missing
from tasks.reconciliation.standing import read_standing
from tasks.signatures import Keyring
from tasks.workspace import Place
from tests import life
from tests.buckets import local
from tests.tasks.monitoring.house import House

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FILE = "toy/incoming/a.csv", NOON - timedelta(minutes=5)


def launched(*things: tuple[str, datetime]) -> Launch:
    (launch,) = find_missing("toy", {"ingest": list(things)}, set(), NOON)
    return launch


def after(place: Place, launch: Launch, configuration: str = "c") -> Attempts:
    """Do what the reconciler does in a minute, after a crash; return what it keeps."""
    tried = continued(launch, configuration, read_attempts(place))
    if tried.run:
        tried = tried.ended("CRASHED", "Process was killed", NOON)
    if not tried.over:
        tried = Attempts(**{**vars(tried), "run": "a run"})
    keep_attempts(place, tried)
    return tried


@pytest.fixture
def place() -> Place:
    return Place(local(), "toy", Keyring("a key"))


def test_a_run_that_dies_again_and_again_is_started_three_times(place: Place) -> None:
    launch = launched(FILE)
    for tried in range(TRIES):
        assert after(place, launch).tries == tried
        assert read_standing(place).given_up == ()
    assert after(place, launch).over
    (told,) = read_standing(place).waits
    assert told == (
        "a person: ingest was started 3 times for toy/incoming/a.csv of 2026-01-01 11:55:00 in "
        "vain; last, the run ended CRASHED"
    )
    links = follow_chain(read_standing(place), NOON, 0, (), delayed=False)
    assert [link.remedy for link in links if link.name == "runs"] == [
        "See the run's log, mend that, then `perennial ingest toy`"
    ]
    assert first_fault(links) is not None
    # what came since waits behind it
    assert after(place, launched(FILE, ("toy/incoming/b.csv", NOON))).over


@pytest.mark.parametrize("way", ["another file", "another arrival", "another pipeline file"])
def test_what_is_another_thing_is_tried_anew(place: Place, way: str) -> None:
    for _ in range(TRIES + 1):
        found = after(place, launched(FILE))
    assert found.over
    key, since = FILE
    other = {
        "another file": launched(("toy/incoming/c.csv", since)),
        "another arrival": launched((key, since + timedelta(minutes=2))),
        "another pipeline file": launched(FILE),
    }
    found = after(place, other[way], "d" if way == "another pipeline file" else "c")
    assert (found.tries, found.run) == (0, "a run")


def test_where_nothing_waits_any_more_it_is_forgotten(place: Place) -> None:
    for _ in range(TRIES + 1):
        after(place, launched(FILE))
    forget_attempts(place, ["ingest"])
    assert read_attempts(place) == {}
    assert read_standing(place).waits == ()


@pytest.mark.parametrize(
    ("state", "message", "reason"),
    [
        ("FAILED", "ValueError: could not convert 'Ann'", "the run ended FAILED, ValueError"),
        ("FAILED", f"{ENCOUNTERED}MemoryError: ", "the run ended FAILED, for memory ran out"),
        ("FAILED", "AccessDenied: toy: it may write", "the run ended FAILED, AccessDenied"),
        ("FAILED", "TrackingError: MLflow: it takes it", "the run ended FAILED, TrackingError"),
        (
            *("CRASHED", "Flow run infrastructure exited with non-zero status code: -9."),
            "the run was killed, as the system does where memory runs out",
        ),
        (
            *("CRASHED", "Flow run infrastructure exited with non-zero status code: 1."),
            "the run ended CRASHED",
        ),
    ],
)
def test_a_run_that_failed_by_itself_counts_and_no_value_is_kept(
    state: str, message: str, reason: str
) -> None:
    found = Attempts("train", "d", "c", run="r").ended(state, message, NOON)
    assert (found.tries, found.starts, found.reason, found.run) == (1, 1, reason, "")


@pytest.mark.parametrize(
    ("state", "message", "starts"),
    [
        ("FAILED", "TrackingUnavailable: MLflow at x: it answers", 0),
        ("FAILED", "StoreUnavailable: the store is ready", 0),
        ("CANCELLED", "", 1),
        ("COMPLETED", "", 1),
        ("CRASHED", "It gave no sign of life any more.", 1),
        ("CRASHED", "Execution was aborted by a termination signal.", 1),
        ("CRASHED", "Flow run infrastructure exited with non-zero status code: -15.", 1),
        ("CRASHED", "Request to http://127.0.0.1:4200/api/logs failed: ConnectError", 1),
        ("CRASHED", "Execution was interrupted: PrefectHTTPStatusError: 503", 1),
    ],
)
def test_a_run_that_was_ended_from_outside_counts_for_nothing(
    state: str, message: str, starts: int
) -> None:
    found = Attempts("train", "d", "c", run="r")
    for _ in range(5):
        found = found.ended(state, message, NOON)
    assert (found.tries, found.reason, found.starts) == (0, "", 5 * starts)
    assert not found.over


def test_starts_come_later_and_later_and_a_clock_turned_back_holds_none() -> None:
    tried, minute, waits = Attempts("monitor", "b", "c"), timedelta(minutes=1), []
    for _ in range(6):
        tried = tried.ended("COMPLETED", "", NOON)
        minutes = range(60)
        waits.append(next(m for m in minutes if tried.is_due(NOON + m * minute, minute)))
    assert waits == [0, 1, 3, 7, 15, 15]
    assert tried.is_due(NOON - timedelta(hours=6), minute)


def test_a_decision_whose_trainings_all_failed_is_closed_and_told_once(tmp_path: Path) -> None:
    """While it is open nothing else is decided."""
    house = House(tmp_path)
    house.arrive("a.csv", life.toy_rows(300))
    (asked,) = house.monitor()
    house.arrive("b.csv", life.toy_rows(300, start=300))
    (held,) = house.monitor()
    assert (asked.decision.retrain, held.decision.rule) == (True, "already running")
    killed = "train was started 3 times in vain; last, the run was killed"
    event, told = record_failure(house.workspace, asked.id, killed, "reconciler") or pytest.fail()
    assert (event, told["decision"]) == (Event.TRAINING_FAILED, asked.id)
    assert told["summary"].endswith("the run was killed. `perennial train toy` tries once more.")
    assert record_failure(house.workspace, asked.id, killed, "reconciler") is None
    (answer,) = house.workspace.ledger.entries("answer")
    assert answer.by == "reconciler"
    # what the reconciler keeps of its starts until it looks again is not told beside
    keep_attempts(house.workspace, Attempts("train", asked.id, "c", TRIES, "", "killed"))
    standing = read_standing(house.workspace)
    assert standing.waits == (f"a person: the training failed: {killed}",)
    links = follow_chain(standing, NOON, 600, (), delayed=False)
    assert [link.remedy for link in links if link.name == "runs"] == [
        "Mend that, then `perennial train toy`"
    ]
    house.arrive("c.csv", life.toy_rows(300, start=600))
    (next_one,) = house.monitor()
    assert next_one.decision.retrain, "the next batch is decided on by itself"
