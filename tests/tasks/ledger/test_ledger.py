from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import DataError
from tasks.ledger.entry import KINDS, Entry
from tasks.ledger.ledger import Ledger, ledger_of
from tasks.records import read
from tasks.signatures import Keyring
from tasks.store.connect import open_bucket
from tasks.store.local import LocalBucket

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
VERDICT = Entry(
    "verdict-3", NOON, "flights", "verdict", 3, "gate", "passed", {"gain": 0.01, "rules": ["rows"]}
)

KEY = Keyring("a key")


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.system)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    if request.param == "local":
        return ledger_of(LocalBucket(tmp_path), "flights", KEY)
    bucket = open_bucket(request.getfixturevalue("s3").settings)
    return ledger_of(bucket, f"ledger-{uuid.uuid4().hex}", KEY)


def test_a_ledger_that_is_not_there_yet_is_empty(ledger: Ledger) -> None:
    assert ledger.entries() == ()
    assert ledger.entries("verdict") == ()


def test_what_was_recorded_is_read(ledger: Ledger) -> None:
    assert ledger.append(VERDICT)
    assert ledger.entries() == (VERDICT,)


def test_entries_come_in_the_order_of_time(ledger: Ledger) -> None:
    late = replace(VERDICT, id="late", at=NOON + timedelta(hours=1), kind="promotion")
    early = replace(VERDICT, id="early", at=NOON - timedelta(hours=1), kind="refused", version=None)
    for entry in (late, VERDICT, early):
        assert ledger.append(entry)
    assert ledger.entries() == (early, VERDICT, late)
    assert ledger.entries("promotion") == (late,)


def test_an_id_is_recorded_once(ledger: Ledger) -> None:
    assert ledger.append(VERDICT)
    assert not ledger.append(replace(VERDICT, summary="told again"))
    assert ledger.entries() == (VERDICT,)


def test_writers_at_once_lose_nothing(ledger: Ledger) -> None:
    entries = [replace(VERDICT, id=f"{number % 6}") for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        told = list(pool.map(lambda entry: replace(ledger, keyring=KEY).append(entry), entries))
    assert sum(told) == 6
    assert [entry.id for entry in ledger.entries()] == [f"{number}" for number in range(6)]


def test_figures_that_are_no_numbers_become_none(ledger: Ledger) -> None:
    figures: dict[str, Any] = {"a": float("nan"), "b": [float("inf"), 1], "c": {"d": -float("inf")}}
    ledger.append(replace(VERDICT, figures=figures))
    (entry,) = ledger.entries()
    assert entry.figures == {"a": None, "b": [None, 1], "c": {"d": None}}
    assert json.loads(json.dumps(entry.to_dict(), allow_nan=False))["figures"] == entry.figures


def test_times_are_kept_as_instants(ledger: Ledger) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-4)))
    ledger.append(replace(VERDICT, at=elsewhere))
    (entry,) = ledger.entries()
    assert entry.at == NOON
    assert entry.to_dict()["at"] == "2013-04-01T12:00:00+00:00"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_survives_json(kind: str) -> None:
    entry = replace(VERDICT, kind=kind)
    assert read(Entry, json.loads(json.dumps(entry.to_dict())), "entry") == entry


def test_a_kind_that_is_not_registered_is_not_written(ledger: Ledger) -> None:
    with pytest.raises(DataError, match="kind is one of decision, answer"):
        ledger.append(replace(VERDICT, kind="ingested"))
    assert ledger.entries() == ()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"id": ""}, "it has an id"),
        ({"at": NOON.replace(tzinfo=None)}, "its time has a zone"),
    ],
)
def test_an_entry_that_is_none_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        replace(VERDICT, **wrong)
