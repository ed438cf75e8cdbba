"""Pointers are signed: nobody without a key says who is in service; keys follow each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest

from tasks.documents import seal
from tasks.errors import IntegrityError
from tasks.ledger.ledger import ledger_of
from tasks.ledger.links import link_of
from tasks.promotion import pointer, trials
from tasks.promotion.promote import promote, rollback
from tasks.promotion.signing import accept_everywhere, accept_pointers, sign_anew, verify_place
from tasks.promotion.trials import begin
from tasks.promotion.versions import load_champion
from tasks.reconciliation.standing import read_standing
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


def told_champion(place: Place) -> str:
    return verify_place(place)[0].told


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


def test_a_pointer_that_was_put_back_is_believed_by_no_training_and_no_promotion(
    place: Place,
) -> None:
    before = place.bucket.get(place.layout.champion)
    rollback(place, **WHO)
    place.bucket.put(place.layout.champion, before)
    assert "champion" in told(place)
    for read in (pointer.read_newest, read_standing, lambda place: promote(place, 2, **WHO)):
        with pytest.raises(IntegrityError, match="before the rollback of version 1"):
            read(place)
    assert accept_pointers(place) == (told_champion(place),)
    assert told(place) == {}
    assert load_champion(place).manifest.version == 1


def test_a_ledger_that_was_cut_or_written_anew_is_not_that_of_the_pointer(place: Place) -> None:
    rows, commits = place.ledger.table.rows(), place.ledger.table.history()
    assert rows is not None
    found = pointer.read(place)
    assert found is not None
    assert found[0].anchor in [link_of(commit) for commit in commits]
    (place.bucket.folder / place.layout.ledger).rename(place.bucket.folder / "away")
    unlinked = ledger_of(place.bucket, place.name, KEY).table
    for row in rows.to_pylist():
        line = pa.Table.from_pylist([row], rows.schema)
        unlinked.append(line, row["id"], {"kind": row["kind"]})
    (fault,) = told(place).values()
    assert "the line before the promotion of version 2 is not there" in fault


def test_a_model_that_was_exchanged_is_seen(place: Place) -> None:
    key = place.layout.model_file(2, "model.onnx")
    place.bucket.put(key, place.bucket.get(key) + b"!")
    assert {*told(place)} == {"version 2"}


def test_what_an_earlier_release_left_is_signed_once_a_person_says_so(place: Place) -> None:
    begin(place, 1, 0.0, by="ada", why="to see", **BOUNDS)
    for key, kind, found in (
        (place.layout.champion, "champion pointer", pointer.read(place)),
        (place.layout.challenger, "trial", trials.read(place)),
    ):
        assert found is not None
        place.bucket.put(key, canonical(seal(kind, plain(found[0]))))
    assert {*told(place)} == {"champion", "trial", "ledger"}
    assert [text.partition(",")[0] for text in accept_pointers(place)] == [
        "version 2",
        "trial of version 1",
    ]
    assert told(place) == {}
    assert accept_pointers(place) == ()
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
