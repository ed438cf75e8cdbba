"""What is put in service, what is not, and what the store's failures change."""

from __future__ import annotations

import pytest

from tasks.errors import StoreUnavailable
from tasks.serving.following import AGAIN_AFTER, NEW_EVERY, Fleet, Turn
from tasks.store.base import ObjectInfo
from tasks.store.layout import Layout
from tasks.store.memory import MemoryStore
from tests.served import champion, fitted, put_in_service, put_version

KEY = "a key"


class Flaky(MemoryStore):
    """A store that does not answer while it is down."""

    down = False
    asked = 0

    def head(self, key: str) -> ObjectInfo | None:
        self.asked += 1
        if self.down:
            raise StoreUnavailable("store", "it answers", "nothing")
        return super().head(key)


@pytest.fixture
def store() -> Flaky:
    return Flaky()


def fleet_of(store: Flaky) -> tuple[Fleet, list[Turn]]:
    turns: list[Turn] = []
    return Fleet(store, KEY, turns.append), turns


def version(fleet: Fleet) -> int | None:
    current = fleet["flights"]
    return None if current is None else current.served.manifest.version


def test_a_champion_that_comes_later_is_served_and_a_new_one_takes_its_place(store: Flaky) -> None:
    fleet, turns = fleet_of(store)
    fleet.look(0)
    assert (fleet.ready, fleet.searched, version(fleet)) == (False, True, None)
    made = champion(store, KEY)
    fleet.look(NEW_EVERY)
    assert (fleet.ready, version(fleet)) == (True, 1)
    put_in_service(store, put_version(store, KEY, made, "flights", "second"))
    fleet.look(NEW_EVERY + 1)
    assert version(fleet) == 2
    fleet.look(NEW_EVERY + 2)
    assert [turn.outcome for turn in turns] == ["loaded", "loaded"]


def test_a_store_that_is_down_changes_nothing(store: Flaky) -> None:
    champion(store, KEY)
    fleet, turns = fleet_of(store)
    fleet.look(0)
    store.down, before = True, store.asked
    fleet.look(1)
    assert store.asked > before
    assert (version(fleet), turns[-1].outcome) == (1, "unreachable")
    store.down = False
    fleet.look(2)
    assert len(turns) == 2


def test_a_damaged_version_is_refused_once_and_tried_again_later(store: Flaky) -> None:
    made = champion(store, KEY)
    fleet, turns = fleet_of(store)
    fleet.look(0)
    bad = put_version(store, KEY, made, "flights", "second")
    where = Layout("flights").model_file(2, "model.onnx")
    good = store.get(where)
    store.put(where, good[:-1])
    put_in_service(store, bad)
    for now in (1.0, 2.0, 3.0):
        fleet.look(now)
    assert (version(fleet), fleet.ready) == (1, True)
    assert [(turn.outcome, turn.version) for turn in turns[1:]] == [("refused", 2)]
    assert "SHA-256" in str(fleet.followers["flights"].refusal)
    store.put(where, good)
    fleet.look(2.0 + AGAIN_AFTER)
    assert version(fleet) == 2
    assert fleet.followers["flights"].refusal is None


def test_another_key_or_a_pointer_that_is_none_is_refused(store: Flaky) -> None:
    champion(store, "another key")
    fleet, turns = fleet_of(store)
    fleet.look(0)
    assert (turns[0].outcome, fleet.ready) == ("refused", False)
    store.put(Layout("flights").champion, b"{}")
    fleet.look(1)
    assert (turns[1].outcome, turns[1].version) == ("refused", None)


def test_every_pipeline_of_the_bucket_is_followed(store: Flaky) -> None:
    champion(store, KEY, "planes")
    champion(store, KEY, "flights")
    store.put("mlflow/x", b"")
    store.put("Not_A_Pipeline/champion.json", b"")
    store.put("empty/incoming/a.csv", b"")
    fleet, _ = fleet_of(store)
    fleet.look(0)
    assert sorted(fleet.followers) == ["empty", "flights", "planes"]
    assert fleet["empty"] is None
    assert fitted().pipeline.name == "flights"
