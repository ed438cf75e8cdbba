"""Serving takes no pointer that is older, unsigned, or of a version that nobody let through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tasks.promotion import pointer
from tasks.promotion.gate import Verdict
from tasks.promotion.pointer import Champion, succeed
from tasks.promotion.promote import promote, rollback
from tasks.promotion.rule import Outcome
from tasks.promotion.signing import accept_pointers, sign_anew
from tasks.promotion.versions import publish
from tasks.serving.fleet import Fleet
from tasks.serving.following import AGAIN_AFTER, Turn
from tasks.serving.newest import Newest
from tasks.signatures import Keyring
from tasks.store.local import LocalBucket
from tasks.workspace import Place
from tests.buckets import local
from tests.served import champion, fitted, manifest_of, put_version

KEY = Keyring("a key")
WHO = {"by": "ada", "why": "it is better"}


class Serving:
    """A process that serves: a fleet, what it told, and what it keeps on its machine."""

    def __init__(self, bucket: LocalBucket, folder: Path) -> None:
        self.turns: list[Turn] = []
        self.fleet = Fleet(bucket, KEY, self.turns.append, Newest(folder))
        self.now = 0.0

    def look(self) -> int | None:
        self.now += AGAIN_AFTER + 1
        self.fleet.look(self.now)
        current = self.fleet["flights"]
        return None if current is None else current.served.manifest.version


@pytest.fixture
def place() -> Place:
    made = Place(local(), "flights", KEY)
    put_version(made.bucket, KEY, champion(made.bucket, KEY), "flights", "second")
    return made


def test_a_pointer_that_was_put_back_is_refused_also_after_a_restart(
    place: Place, tmp_path: Path
) -> None:
    bucket, where = place.bucket, place.layout.champion
    assert isinstance(bucket, LocalBucket)
    serving, old = Serving(bucket, tmp_path), bucket.get(where)
    assert serving.look() == 1
    promote(place, 2, **WHO)
    assert serving.look() == 2
    bucket.put(where, old)
    assert serving.look() == 2
    assert "it is newer than the one before it" in serving.turns[-1].why
    restarted = Serving(bucket, tmp_path)
    assert restarted.look() is None
    assert "perennial rollback flights" in restarted.turns[-1].why
    # whoever has the key puts the ledger's in its place, and goes back by a pointer that is new
    accept_pointers(place)
    assert (restarted.look(), serving.look()) == (2, 2)
    assert rollback(place, **WHO).outcome == "promoted"
    assert (restarted.look(), serving.look()) == (1, 1)


def test_a_folder_that_cannot_be_written_stops_no_model(place: Place, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    assert isinstance(place.bucket, LocalBucket)
    assert Serving(place.bucket, tmp_path / "a-file" / "newest").look() == 1


def test_a_version_that_the_gate_refused_is_served_where_a_person_overruled_it(
    place: Place, tmp_path: Path
) -> None:
    made = fitted(trees=51)
    refused = Verdict(False, (Outcome("enough rows", False, "200", "too few"),))

    def build(version: int) -> object:
        manifest = manifest_of(made, "flights", version, "third")
        return replace(manifest, verdict=refused), made.files

    version = publish(place, "third", build)  # type: ignore[arg-type]
    assert isinstance(place.bucket, LocalBucket)
    serving = Serving(place.bucket, tmp_path)
    assert serving.look() == 1
    current, etag = pointer.read(place) or pytest.fail("no champion")
    from tasks.promotion.versions import manifest_of as stored

    manifest = stored(place, version)
    named = Champion(version, manifest.digest, current.since, "ada", "", attempt="by hand")
    pointer.swap(place, succeed(current, named), etag)
    assert serving.look() == 1
    assert "the gate refused" in serving.turns[-1].why
    current, etag = pointer.read(place) or pytest.fail("no champion")
    pointer.swap(place, replace(current, override="it is all we have"), etag)
    assert serving.look() == version


def test_what_another_key_signs_is_served_once_it_is_believed(place: Place, tmp_path: Path) -> None:
    bucket = place.bucket
    assert isinstance(bucket, LocalBucket)
    serving = Serving(bucket, tmp_path)
    assert serving.look() == 1
    both = Keyring("a new key", earlier=(KEY.current,))
    renewed = Place(bucket, "flights", both)
    sign_anew(renewed)
    promote(renewed, 2, **WHO)
    assert serving.look() == 1
    serving.fleet.believe(Keyring("a new key"))
    assert serving.look() == 2
    current, etag = pointer.read(renewed) or pytest.fail("no champion")
    again = replace(current, version=1, since=current.since + pointer.INSTANT)
    pointer.swap(place, again, etag)
    assert serving.look() == 2
    assert "by a key that is believed" in serving.turns[-1].why
