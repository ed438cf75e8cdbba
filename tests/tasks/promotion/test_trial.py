"""Trials beside the champion: who is assigned, what begins, what ends them."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from tasks.errors import ConfigurationError, IntegrityError, Refused
from tasks.faults import POINTS
from tasks.promotion import trials
from tasks.promotion.promote import promote
from tasks.promotion.trial import Trial
from tasks.promotion.trials import begin, begin_once, standing, withdraw
from tasks.promotion.versions import publish
from tasks.store.bucket import Bucket, ObjectInfo
from tasks.store.layout import Layout
from tasks.store.local import LocalBucket
from tasks.store.s3 import S3Bucket
from tasks.workspace import Place
from tests.buckets import local
from tests.servers import S3
from tests.tasks.promotion.scenes import KEY, building, context_of, dying, published, started

TRIAL = Trial(4, "d4", "c", 3, 0.1, datetime(2026, 1, 1, tzinfo=UTC), "me", "", 0.01, 0.02, "a")
KEYS = [f"customer-{number}" for number in range(20_000)]
WHO: dict[str, Any] = {"by": "ada", "why": "to see", "max_error_rate": 0.01, "max_drop": 0.02}


@pytest.fixture
def context(pipeline: str, tmp_path: Path) -> Place:
    """Return a context on an in-memory store with three versions, the first in service."""
    return beside_the_first(local(), pipeline, tmp_path)


def beside_the_first(bucket: Bucket, pipeline: str, folder: Path) -> Place:
    published(bucket, pipeline, 3)
    context = context_of(bucket, pipeline, folder)
    promote(context, 1, by="ada", why="the first")
    return context


def test_a_share_of_the_keys_is_taken_and_always_the_same_ones() -> None:
    taken = {key for key in KEYS if TRIAL.takes(key)}
    assert 0.09 < len(taken) / len(KEYS) < 0.11
    assert taken == {key for key in KEYS if replace(TRIAL, attempt="b", by="you").takes(key)}


def test_a_larger_share_keeps_the_keys_of_a_smaller_one_and_all_are_all() -> None:
    taken = {key for key in KEYS if TRIAL.takes(key)}
    assert taken < {key for key in KEYS if replace(TRIAL, share=0.3).takes(key)}
    assert all(replace(TRIAL, share=1.0).takes(key) for key in KEYS)
    assert not any(replace(TRIAL, share=0.0).takes(key) for key in KEYS)


def test_another_version_is_tried_on_other_keys() -> None:
    taken = {key for key in KEYS if TRIAL.takes(key)}
    other = {key for key in KEYS if replace(TRIAL, digest="d5").takes(key)}
    assert len(taken & other) / len(taken) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(
    ("tries", "failures", "broken"),
    [(2, 2, False), (3, 3, True), (300, 3, False), (299, 3, True), (10_000, 100, False)],
)
def test_failures_break_the_bound_from_the_third_on(
    tries: int, failures: int, broken: bool
) -> None:
    assert TRIAL.fails(tries, failures) is broken


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format": 1}', b'{"version": 4}'])
def test_what_is_no_trial_is_said(data: bytes) -> None:
    place = Place(local(), "flights", KEY)
    trials.swap(place, TRIAL, None)
    assert trials.read(place) == (TRIAL, ANY)
    place.bucket.put(place.layout.challenger, data)
    with pytest.raises(IntegrityError, match=r"challenger\.json"):
        trials.read(place)


def test_a_trial_stands_until_it_is_withdrawn_and_the_ledger_has_both(
    bucket: Bucket, pipeline: str, tmp_path: Path
) -> None:
    context = beside_the_first(bucket, pipeline, tmp_path)
    begun = begin(context, "2", 0.25, **WHO)
    assert standing(context) == begun
    assert (begun.version, begun.mode, begun.share) == (2, "canary", 0.25)
    ended = withdraw(context, by="bob", why="enough")
    assert ended is not None
    assert ended == replace(begun, ended="enough", ended_by="bob", ended_at=ended.ended_at)
    assert standing(context) is None
    assert withdraw(context, by="bob", why="again") is None
    told = {
        entry.kind: entry
        for entry in context.ledger.entries()
        if entry.version == 2 and entry.by != "serving"
    }
    assert told["trial"].summary == (
        "version 2 is tried beside version 1, as canary for 25% of the keys: to see"
    )
    assert told["withdrawal"].summary == "version 2 is tried no more (canary): enough"


def test_a_promotion_ends_a_trial_without_another_write(context: Place) -> None:
    begun = begin(context, 2, 0.0, **WHO)
    where = Layout(context.name).challenger
    before = context.bucket.get(where)
    promote(context, 3, by="ada", why="better")
    assert standing(context) is None
    assert context.bucket.get(where) == before
    assert withdraw(context, by="x", why="y", trial=begun) is None


def test_an_ended_trial_withdraws_no_later_one(context: Place) -> None:
    first = begin(context, 2, 0.1, **WHO)
    second = begin(context, 3, 0.1, **WHO)
    assert withdraw(context, by="serving", why="it fails", trial=first) is None
    assert standing(context) == second


def test_what_may_not_be_tried(context: Place, pipeline: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not the champion"):
        begin(context, 1, 0.1, **WHO)
    with pytest.raises(ConfigurationError, match="has the version"):
        begin(context, 9, 0.1, **WHO)
    with pytest.raises(ConfigurationError, match="whole number"):
        begin(context, "../1", 0.1, **WHO)
    bare = local()
    published(bare, pipeline, 1)
    with pytest.raises(Refused, match="no champion"):
        begin(context_of(bare, pipeline, tmp_path / "bare"), 1, 0.0, **WHO)
    assert standing(context) is None


def test_a_version_that_the_gate_refused_is_tried_in_shadow_only(context: Place) -> None:
    build = building(context.name, "refused", passed=False)
    refused = publish(context, "refused", build)
    with pytest.raises(Refused, match="passed the gate"):
        begin(context, refused, 0.1, **WHO)
    assert begin(context, refused, 0.0, **WHO).mode == "shadow"
    assert begin(context, refused, 0.1, override=True, **WHO).mode == "canary"


class Together(LocalBucket):
    """A store on which two writers of a trial have both read before either writes."""

    gate: threading.Barrier | None = None

    def put(self, key: str, data: bytes, **how: Any) -> ObjectInfo:
        if self.gate is not None and key.endswith("challenger.json"):
            self.gate.wait(10)
        return super().put(key, data, **how)


def test_of_two_that_begin_at_once_one_is_told(pipeline: str, tmp_path: Path) -> None:
    bucket = local(Together)
    context = beside_the_first(bucket, pipeline, tmp_path)
    bucket.gate = threading.Barrier(2)

    def attempt(version: int) -> str:
        try:
            return begin(context, version, 0.1, **WHO).mode
        except Refused:
            return "refused"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, (2, 3))) == ["canary", "refused"]


def test_a_challenger_that_waits_is_tried_once(context: Place) -> None:
    bounds = {"max_error_rate": 0.01, "max_drop": 0.02}
    assert begin_once(context, 2, 0.0, **bounds) is not None
    assert begin_once(context, 2, 0.0, **bounds) is None
    withdraw(context, by="x", why="enough")
    assert begin_once(context, 2, 0.0, **bounds) is None
    assert begin_once(context, 3, 0.0, **bounds) is not None


def begin_second(bucket: Bucket, pipeline: str, folder: Path) -> None:
    begin(context_of(bucket, pipeline, folder), 2, 0.1, **WHO)


def end(bucket: Bucket, pipeline: str, folder: Path) -> None:
    withdraw(context_of(bucket, pipeline, folder), by="bob", why="enough")


@pytest.mark.system
@pytest.mark.parametrize("action", [begin_second, end])
@pytest.mark.parametrize("point", [one for one in POINTS if one.startswith("trial.")])
def test_whoever_comes_next_completes_what_a_death_left_out(
    s3: S3, pipeline: str, tmp_path: Path, action: Any, point: str
) -> None:
    bucket = S3Bucket(s3.settings)
    context = beside_the_first(bucket, pipeline, tmp_path)
    if action is end:
        begin_second(bucket, pipeline, tmp_path)
    child = started(dying, action, s3.settings, pipeline, tmp_path, point)
    child.join(180)
    assert child.exitcode == -signal.SIGKILL
    assert (tmp_path / point).exists()
    end(bucket, pipeline, tmp_path)
    written = trials.read(Place(bucket, pipeline, KEY))
    entries = [entry for entry in context.ledger.entries() if entry.by != "serving"]
    if written is None:
        assert (action, point) == (begin_second, "trial.pointer.before")
        return
    assert standing(Place(bucket, pipeline, KEY)) is None
    assert [entry.kind for entry in entries if entry.version == 2] == ["trial", "withdrawal"]
