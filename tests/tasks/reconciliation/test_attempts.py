"""What is started in vain is given up after a few tries, and a person is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tasks.errors import ENCOUNTERED
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
from tests.buckets import local

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FILE = "toy/incoming/a.csv", NOON - timedelta(minutes=5)


def launched(*things: tuple[str, datetime]) -> Launch:
    (launch,) = find_missing("toy", {"ingest": list(things)}, set(), NOON)
    return launch


def after(place: Place, launch: Launch, configuration: str = "c") -> Attempts:
    """Do what the reconciler does in a minute, after a crash; return what it keeps."""
    tried = continued(launch, configuration, read_attempts(place))
    if tried.run:
        tried = tried.ended("CRASHED", "Process was killed")
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
    ("message", "tries", "reason"),
    [
        ("ValueError: could not convert 'Ann'", 1, "the run ended FAILED, ValueError"),
        (f"{ENCOUNTERED}MemoryError: ", 1, "the run ended FAILED, MemoryError"),
        ("TrackingError: MLflow at x: it takes the run", 1, "the run ended FAILED, TrackingError"),
        ("TrackingUnavailable: MLflow at x: it answers", 0, ""),
        ("StoreUnavailable: the store is ready", 0, ""),
    ],
)
def test_a_server_that_is_away_counts_for_nothing_and_no_value_is_kept(
    message: str, tries: int, reason: str
) -> None:
    found = Attempts("train", "d", "c", run="r").ended("FAILED", message)
    assert (found.tries, found.reason, found.run) == (tries, reason, "")
