"""Pointers are signed: nobody without a key says who is in service; keys follow each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tasks.documents import seal
from tasks.errors import IntegrityError
from tasks.promotion import pointer, trials
from tasks.promotion.promote import promote, rollback
from tasks.promotion.signing import accept_everywhere, accept_unsigned, sign_anew, verify_place
from tasks.promotion.trials import begin
from tasks.promotion.versions import load_champion
from tasks.records import plain
from tasks.signatures import Keyring, canonical
from tasks.workspace import Place
from tests.buckets import local
from tests.tasks.promotion.scenes import KEY, published

WHO = {"by": "ada", "why": "it is better"}
BOUNDS = {"max_error_rate": 0.01, "max_drop": 0.02}


@pytest.fixture
def place() -> Place:
    """Return a place with two versions that passed the gate; the second is in service."""
    made = Place(local(), "flights", KEY)
    published(made.bucket, "flights", 2)
    for version in (1, 2):
        assert promote(made, version, **WHO).outcome == "promoted"
    return made


def told(place: Place) -> dict[str, str]:
    return {row.what: row.told for row in verify_place(place) if not row.whole}


def change(place: Place, alter: Callable[[dict[str, object]], object]) -> None:
    document = json.loads(place.bucket.get(place.layout.champion))
    alter(document)
    place.bucket.put(place.layout.champion, canonical(document))


def name_the_first(document: dict[str, object]) -> None:
    document["version"] = 1


def overrule(document: dict[str, object]) -> None:
    document["override"] = "let it through"


def drop_the_signature(document: dict[str, object]) -> None:
    del document["signature"]


def sign_with_nothing(document: dict[str, object]) -> None:
    document["signature"] = ""


@pytest.mark.parametrize("alter", [name_the_first, overrule, drop_the_signature, sign_with_nothing])
def test_a_pointer_that_was_changed_is_believed_by_nobody(
    place: Place, alter: Callable[[dict[str, object]], object]
) -> None:
    change(place, alter)
    with pytest.raises(IntegrityError, match=r"flights --accept"):
        pointer.read(place)
    assert "champion" in told(place)


def test_the_pointer_of_another_pipeline_is_none_of_this_one(place: Place) -> None:
    other = Place(place.bucket, "trains", KEY)
    place.bucket.put(other.layout.champion, place.bucket.get(place.layout.champion))
    with pytest.raises(IntegrityError, match="for trains"):
        pointer.read(other)


def test_what_the_ledger_tells_of_a_lost_pointer_is_believed_if_it_was_signed(
    place: Place,
) -> None:
    found = pointer.read(place)
    assert found is not None
    # a line that anybody could have appended who may write to the bucket
    entry = next(e for e in place.ledger.entries() if e.version == 1)
    later = replace(found[0], version=1, digest=str(entry.figures["digest"]), attempt="theirs")
    figures = {"attempt": "theirs", "digest": later.digest, "replaced": 2, "why": "x"}
    forged = replace(
        entry, id="promotion-theirs", at=found[0].since + timedelta(days=1), figures=figures
    )
    place.ledger.append(forged)
    place.bucket.delete(place.layout.champion)
    with pytest.raises(IntegrityError, match="version 1, by ada, without its signature"):
        pointer.read(place)
    assert place.bucket.head(place.layout.champion) is None


def test_what_an_earlier_release_left_is_signed_once_a_person_says_so(place: Place) -> None:
    begin(place, 1, 0.0, by="ada", why="to see", **BOUNDS)
    for key, kind, found in (
        (place.layout.champion, "champion pointer", pointer.read(place)),
        (place.layout.challenger, "trial", trials.read(place)),
    ):
        assert found is not None
        place.bucket.put(key, canonical(seal(kind, plain(found[0]))))
    assert {*told(place)} == {"champion", "trial", "ledger"}
    assert [text.partition(",")[0] for text in accept_unsigned(place)] == [
        "version 2",
        "trial of version 1",
    ]
    assert told(place) == {}
    assert accept_unsigned(place) == ()
    said: list[str] = []
    change(place, name_the_first)
    accept_everywhere(place.bucket, KEY, said.append)
    assert "another signature" in said[0]


def test_another_key_signs_all_and_the_one_before_is_retired(place: Place) -> None:
    begin(place, 1, 0.0, by="ada", why="to see", **BOUNDS)
    before = load_champion(place).manifest.digest
    both = replace(place, keyring=Keyring("a new key", earlier=(KEY.current,)))
    assert sign_anew(both) == 4
    # the pointers again, which cost nothing; the versions are signed already
    assert sign_anew(both) == 2
    retired = replace(place, keyring=Keyring("a new key", retired=(KEY.current,)))
    assert told(retired) == {}
    assert load_champion(retired).manifest.digest == before
    alone = replace(place, keyring=Keyring("a new key"))
    assert {*told(alone)} == {"ledger"}
    assert {*told(place)} == {"champion", "trial", "version 1", "version 2", "ledger"}


def test_a_pointer_is_never_older_than_the_one_it_replaces(place: Place) -> None:
    found = pointer.read(place)
    assert found is not None
    # signed by a machine whose clock is a day ahead
    ahead = replace(found[0], since=found[0].since + timedelta(days=1))
    pointer.swap(place, ahead, found[1])
    assert rollback(place, **WHO).outcome == "promoted"
    now = pointer.read(place)
    assert now is not None
    assert (now[0].version, now[0].since > ahead.since) == (1, True)
