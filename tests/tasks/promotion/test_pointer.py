"""The champion pointer's history and its bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import IntegrityError
from tasks.promotion import pointer
from tasks.promotion.pointer import LONGEST_HISTORY, Champion, succeed
from tasks.signatures import Keyring
from tasks.workspace import Place
from tests.buckets import local

AT = datetime(2026, 1, 1, tzinfo=UTC)


def a_place(pipeline: str = "flights", key: str = "a key") -> Place:
    return Place(local(), pipeline, Keyring(key))


def promoted(*versions: int) -> Champion | None:
    now = None
    for version in versions:
        now = succeed(now, Champion(version, "d", AT, "me", "better"))
    return now


def rolled_back(now: Champion, version: int | None = None) -> Champion:
    target = now.previous if version is None else version
    assert target is not None
    return succeed(now, Champion(target, "d", AT, "me", "worse", "rollback"))


def test_rolling_back_goes_further_back_each_time() -> None:
    now = promoted(1, 2, 3)
    assert now is not None
    second = rolled_back(now)
    first = rolled_back(second)
    assert [second.version, second.replaced, first.version] == [2, 3, 1]
    assert first.previous is None


def test_a_promotion_after_a_rollback_stands_on_what_was_in_service() -> None:
    now = promoted(1, 2, 3)
    assert now is not None
    after = succeed(rolled_back(now), Champion(4, "d", AT, "me", "better"))
    assert after.history == (1, 2)


def test_a_rollback_to_a_named_version_outside_the_history_stands_on_the_current_one() -> None:
    now = promoted(1, 2, 3)
    assert now is not None
    assert rolled_back(rolled_back(now), 3).history == (1, 2)


def test_the_history_is_bounded() -> None:
    now = promoted(*range(1, LONGEST_HISTORY + 10))
    assert now is not None
    assert len(now.history) == LONGEST_HISTORY
    assert now.previous == now.version - 1


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_rolling_back_always_ends(versions: list[int]) -> None:
    now = promoted(*versions)
    assert now is not None
    steps = 0
    while now.previous is not None:
        now = rolled_back(now)
        steps += 1
    assert steps < len(versions)


def test_the_bytes_are_read_back() -> None:
    now = promoted(1, 2)
    assert now is not None
    place = a_place()
    tag = pointer.swap(place, now, None)
    assert pointer.read(place) == (now, tag)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"1", b'{"format": 2}', b'{"format": 1, "version": "../x"}']
)
def test_other_bytes_are_no_pointer(data: bytes) -> None:
    place = a_place()
    place.bucket.put(place.layout.champion, data)
    with pytest.raises(IntegrityError, match="champion pointer"):
        pointer.read(place)
