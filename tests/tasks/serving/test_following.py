"""What is put in service, what is not, and what the store's failures change."""

from __future__ import annotations

import gc
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import StoreUnavailable
from tasks.promotion import pointer
from tasks.promotion.signed import sign_pointer
from tasks.reconciliation.ending import delete_data
from tasks.records import plain
from tasks.serving.fleet import IN_TURN, NEW_EVERY, Fleet
from tasks.serving.following import AGAIN_AFTER, Turn, make_refused_entry
from tasks.serving.served import ServedChallenger, count_held
from tasks.signatures import Keyring
from tasks.store.bucket import ObjectInfo
from tasks.store.layout import Layout
from tasks.store.local import LocalBucket
from tasks.workspace import Place
from tests.buckets import local
from tests.served import champion, fitted, put_in_service, put_on_trial, put_version

KEY = Keyring("a key")


class Flaky(LocalBucket):
    """A store that does not answer while it is down."""

    down = False
    asked = 0

    def head(self, key: str) -> ObjectInfo | None:
        self.asked += 1
        if self.down:
            raise StoreUnavailable("store", "it answers", "nothing")
        return super().head(key)


class Broken(Flaky):
    """A store whose client fails in a way that nobody foresaw, at one pipeline's objects."""

    broken = ""

    def head(self, key: str) -> ObjectInfo | None:
        if self.broken and key.startswith(self.broken):
            raise RuntimeError("unforeseen")
        return super().head(key)


class Unreadable(Flaky):
    """A store whose reads of one object fail for want of memory."""

    unreadable = ""

    def get(self, key: str) -> bytes:
        if key == self.unreadable:
            raise MemoryError
        return super().get(key)


class Watched(Flaky):
    """A store that notes how many models are held whenever an object is read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.held: list[int] = []

    def get(self, key: str) -> bytes:
        gc.collect()
        self.held.append(count_held("flights"))
        return super().get(key)


@pytest.fixture
def bucket() -> Flaky:
    return local(Flaky)


def fleet_of(bucket: Flaky) -> tuple[Fleet, list[Turn]]:
    turns: list[Turn] = []
    return Fleet(bucket, KEY, turns.append), turns


def version(fleet: Fleet) -> int | None:
    current = fleet["flights"]
    return None if current is None else current.served.manifest.version


def test_a_champion_that_comes_later_is_served_and_a_new_one_takes_its_place(bucket: Flaky) -> None:
    fleet, turns = fleet_of(bucket)
    fleet.look(0)
    assert (fleet.ready, fleet.searched, version(fleet)) == (False, True, None)
    made = champion(bucket, KEY)
    fleet.look(NEW_EVERY)
    assert (fleet.ready, version(fleet)) == (True, 1)
    put_in_service(bucket, KEY, put_version(bucket, KEY, made, "flights", "second"))
    fleet.look(NEW_EVERY + 1)
    assert version(fleet) == 2
    fleet.look(NEW_EVERY + 2)
    assert [turn.outcome for turn in turns] == ["loaded", "loaded"]


def test_a_pipeline_that_was_deleted_with_its_data_answers_no_more(bucket: Flaky) -> None:
    champion(bucket, KEY)
    fleet, _ = fleet_of(bucket)
    fleet.look(0)
    assert version(fleet) == 1
    delete_data(Place(bucket, "flights", KEY), lambda _: None)
    bucket.down = True
    fleet.look(NEW_EVERY)
    assert version(fleet) == 1, "a listing alone ends nothing"
    bucket.down = False
    fleet.look(2 * NEW_EVERY)
    assert version(fleet) is None
    assert fleet.followers == {}


def test_a_store_that_is_down_changes_nothing(bucket: Flaky) -> None:
    champion(bucket, KEY)
    fleet, turns = fleet_of(bucket)
    fleet.look(0)
    bucket.down, before = True, bucket.asked
    fleet.look(1)
    assert bucket.asked > before
    assert (version(fleet), turns[-1].outcome) == (1, "unreachable")
    bucket.down = False
    fleet.look(2)
    assert len(turns) == 2


def test_one_pipeline_that_fails_altogether_hides_no_other() -> None:
    bucket = local(Broken)
    for name in ("aa-first", "flights", "zz-last"):
        champion(bucket, KEY, name)
    bucket.broken = "aa-first/"
    fleet, turns = fleet_of(bucket)
    for now in (0.0, 1.0):
        with pytest.raises(ExceptionGroup) as failed:
            fleet.look(now)
        assert [str(one) for one in failed.value.exceptions] == ["unforeseen"]
    assert [turn.pipeline for turn in turns] == ["flights", "zz-last"]
    assert (fleet.ready, version(fleet)) == (True, 1)
    bucket.broken = ""
    fleet.look(2.0)
    assert turns[-1].pipeline == "aa-first"


def test_telling_that_fails_hides_no_other_pipeline(bucket: Flaky) -> None:
    for name in ("aa-first", "flights"):
        champion(bucket, KEY, name)

    def tell(turn: Turn) -> None:
        if turn.pipeline == "aa-first":
            raise RuntimeError("the ledger's library failed")

    fleet = Fleet(bucket, KEY, tell)
    with pytest.raises(ExceptionGroup):
        fleet.look(0)
    assert version(fleet) == 1


def test_a_version_that_fails_in_an_unforeseen_way_is_refused_and_tried_again_later() -> None:
    bucket = local(Unreadable)
    made = champion(bucket, KEY)
    fleet, turns = fleet_of(bucket)
    fleet.look(0)
    second = put_version(bucket, KEY, made, "flights", "second")
    put_in_service(bucket, KEY, second)
    bucket.unreadable = Layout("flights").manifest(second.version)
    fleet.look(1)
    fleet.look(2)
    # told once, though the pointer is looked at each time
    assert [(turn.outcome, turn.why) for turn in turns[1:]] == [("refused", "MemoryError()")]
    assert turns[-1].etag
    assert version(fleet) == 1
    bucket.unreadable = ""
    fleet.look(2 + AGAIN_AFTER)
    assert version(fleet) == 2


def test_when_the_store_last_answered_is_known_while_it_comes_and_goes(bucket: Flaky) -> None:
    champion(bucket, KEY)
    fleet, _ = fleet_of(bucket)
    assert fleet.answered == 0
    for now in range(0, 40, 4):
        bucket.down, before = now % 8 != 0, fleet.answered
        asked = bucket.asked
        fleet.look(now)
        assert (fleet.answered > before) is not bucket.down
        assert (fleet.ready, version(fleet)) == (True, 1)
        # a store that comes back is asked no more for that it was away
        assert now == 0 or bucket.asked - asked <= 4
    assert fleet.answered <= time.time()


def test_a_damaged_version_is_refused_once_and_tried_again_later(bucket: Flaky) -> None:
    made = champion(bucket, KEY)
    fleet, turns = fleet_of(bucket)
    fleet.look(0)
    bad = put_version(bucket, KEY, made, "flights", "second")
    where = Layout("flights").model_file(2, "model.onnx")
    good = bucket.get(where)
    bucket.put(where, good[:-1])
    put_in_service(bucket, KEY, bad)
    for now in (1.0, 2.0, 3.0):
        fleet.look(now)
    assert (version(fleet), fleet.ready) == (1, True)
    assert [(turn.outcome, turn.version) for turn in turns[1:]] == [("refused", 2)]
    assert "SHA-256" in str(fleet.followers["flights"].champion.refusal)
    bucket.put(where, good)
    fleet.look(2.0 + AGAIN_AFTER)
    assert version(fleet) == 2
    assert fleet.followers["flights"].champion.refusal is None


def test_another_key_or_a_pointer_that_is_none_is_refused(bucket: Flaky) -> None:
    champion(bucket, Keyring("another key"))
    fleet, turns = fleet_of(bucket)
    fleet.look(0)
    assert (turns[0].outcome, fleet.ready) == ("refused", False)
    bucket.put(Layout("flights").champion, b"{}")
    fleet.look(1)
    assert (turns[1].outcome, turns[1].version) == ("refused", None)


def tried(fleet: Fleet) -> ServedChallenger | None:
    current = fleet["flights"]
    return None if current is None else current.challenger


def test_a_challenger_is_held_beside_the_champion_until_the_trial_ends(bucket: Flaky) -> None:
    gc.collect()
    others = count_held("flights")
    made = champion(bucket, KEY)
    fleet, turns = fleet_of(bucket)
    fleet.look(0)
    trial = put_on_trial(bucket, KEY, put_version(bucket, KEY, made, "flights", "second"), 0.2)
    fleet.look(1)
    first = tried(fleet)
    assert first is not None
    assert (first.trial, count_held("flights") - others) == (trial, 2)
    larger = replace(trial, share=0.5, attempt="larger")
    place = Place(bucket, "flights", KEY)
    bucket.put(place.layout.challenger, sign_pointer(place, "trial", plain(larger)))
    fleet.look(2)
    second = tried(fleet)
    assert second is not None
    assert (second.trial.share, second.served) == (0.5, first.served)
    ended = plain(replace(larger, ended="enough"))
    bucket.put(place.layout.challenger, sign_pointer(place, "trial", ended))
    fleet.look(3)
    assert (tried(fleet), version(fleet)) == (None, 1)
    assert [(turn.outcome, turn.role) for turn in turns] == [
        ("loaded", "champion"),
        ("loaded", "challenger"),
    ]
    del first, second
    gc.collect()
    assert count_held("flights") - others == 1


def test_a_challenger_that_is_promoted_is_not_loaded_again(bucket: Flaky) -> None:
    made = champion(bucket, KEY)
    fleet, _ = fleet_of(bucket)
    fleet.look(0)
    second = put_version(bucket, KEY, made, "flights", "second")
    put_on_trial(bucket, KEY, second, 0.2)
    fleet.look(1)
    before = tried(fleet)
    assert before is not None
    put_in_service(bucket, KEY, second)
    fleet.look(2)
    current = fleet["flights"]
    assert current is not None
    assert (current.served, current.challenger) == (before.served, None)


@pytest.mark.soak
def test_another_champion_ends_the_trial_before_it_is_loaded() -> None:
    bucket = local(Watched)
    made = champion(bucket, KEY)
    fleet, _ = fleet_of(bucket)
    fleet.look(0)
    put_on_trial(bucket, KEY, put_version(bucket, KEY, made, "flights", "second"), 0.2)
    fleet.look(1)
    put_in_service(bucket, KEY, put_version(bucket, KEY, made, "flights", "third"))
    gc.collect()
    two = count_held("flights")
    bucket.held.clear()
    fleet.look(2)
    assert (version(fleet), tried(fleet)) == (3, None)
    assert max(bucket.held[1:]) == two - 1, "the challenger goes before the new champion is read"


def test_a_challenger_that_is_not_as_it_was_signed_is_refused_and_told(bucket: Flaky) -> None:
    made = champion(bucket, KEY)
    fleet, turns = fleet_of(bucket)
    fleet.look(0)
    bad = put_version(bucket, KEY, made, "flights", "second")
    where = Layout("flights").model_file(2, "model.onnx")
    good = bucket.get(where)
    bucket.put(where, good[:-1])
    put_on_trial(bucket, KEY, bad, 0.2)
    for now in (1.0, 2.0, 3.0):
        fleet.look(now)
    told = [turn for turn in turns if turn.role == "challenger"]
    assert [(turn.outcome, turn.version) for turn in told] == [("refused", 2)]
    assert make_refused_entry(told[0]).summary.startswith(
        "version 2 was not tried beside the champion"
    )
    follower = fleet.followers["flights"]
    assert (tried(fleet), follower.champion.refusal) == (None, None)
    assert "SHA-256" in str(follower.challenger.refusal)
    bucket.put(where, good)
    fleet.look(3.0 + AGAIN_AFTER)
    assert tried(fleet) is not None
    bucket.put(Layout("flights").challenger, b"{}")
    fleet.look(4.0 + AGAIN_AFTER)
    assert (turns[-1].outcome, version(fleet), tried(fleet)) == ("refused", 1, None)


def test_every_pipeline_of_the_bucket_is_followed(bucket: Flaky) -> None:
    champion(bucket, KEY, "planes")
    champion(bucket, KEY, "flights")
    bucket.put("mlflow/x", b"")
    bucket.put("Not_A_Pipeline/champion.json", b"")
    bucket.put("empty/incoming/a.csv", b"")
    fleet, _ = fleet_of(bucket)
    fleet.look(0)
    assert sorted(fleet.followers) == ["empty", "flights", "planes"]
    assert fleet["empty"] is None
    assert fitted().pipeline.name == "flights"


def test_of_many_pipelines_a_change_is_seen_at_once_and_rest_is_cheap(bucket: Flaky) -> None:
    names = [f"shop-{number}" for number in range(3 * IN_TURN)]
    made = champion(bucket, KEY, names[0])
    for name in names[1:]:
        put_in_service(bucket, KEY, put_version(bucket, KEY, made, name, "first"))
    fleet, _ = fleet_of(bucket)
    fleet.look(0)
    assert all(fleet[name] for name in names)
    bucket.asked = 0
    fleet.look(1)
    # a champion and a challenger each, and what tells that a pointer changed
    assert bucket.asked == 2 * IN_TURN + 1
    for number, name in enumerate(names, 2):
        put_in_service(bucket, KEY, put_version(bucket, KEY, made, name, "second"))
        fleet.look(number)
        current = fleet[name]
        assert current is not None
        assert current.served.manifest.version == 2


def test_a_change_that_was_not_told_is_found_in_turn(bucket: Flaky) -> None:
    names = [f"shop-{number}" for number in range(3 * IN_TURN)]
    made = champion(bucket, KEY, names[0])
    for name in names[1:]:
        put_in_service(bucket, KEY, put_version(bucket, KEY, made, name, "first"))
    fleet, turns = fleet_of(bucket)
    fleet.look(0)
    for name in names:
        second = put_version(bucket, KEY, made, name, "second")
        place = Place(bucket, name, KEY)
        standing, _ = pointer.read(place) or pytest.fail("no champion")
        moved = replace(standing, version=2, digest=second.digest)
        data = sign_pointer(place, "champion pointer", moved.to_dict())
        bucket.put(place.layout.champion, data)
    del turns[:]
    for now in (1, 2, 3):
        assert len(turns) == (now - 1) * IN_TURN
        fleet.look(now)
    assert sorted(turn.pipeline for turn in turns) == sorted(names)
