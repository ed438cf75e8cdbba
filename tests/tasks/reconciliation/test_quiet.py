"""A pipeline in which nothing waits is passed over, until anything about it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.ledger.entry import Entry
from tasks.reconciliation.quiet import (
    IN_TURN,
    LONGEST,
    OVERDUE,
    Mark,
    Seen,
    choose_overdue,
    find_changed,
    recall,
    remember,
)
from tasks.signatures import Keyring
from tasks.store.bucket import ObjectInfo
from tasks.store.local import LocalBucket
from tasks.workspace import Place, Workspace
from tests.buckets import local
from tests.tasks.ingestion.desk import visits
from tests.tasks.ingestion.landing import ROWS, curate, drop, local_workspace

NOW = 1_000_000.0
ALIASES = {"visits": "1"}


class Counting(LocalBucket):
    """Counts what is asked of it."""

    asked = 0

    def head(self, key: str) -> ObjectInfo | None:
        self.asked += 1
        return super().head(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.asked += 1
        return super().list(prefix)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "visits.yaml").write_text("name: visits\n")
    made = local_workspace(tmp_path, visits("visits"))
    curate(made, tmp_path, ROWS, "b1")
    note(made, "first")
    return made


def note(place: Place, name: str) -> None:
    place.ledger.append(
        Entry(id=name, at=datetime.now(UTC), pipeline=place.name, kind="decision", summary="no",
              figures={"decision": {"retrain": False}}, by="test", version=None)
    )  # fmt: skip


def marked(place: Place, files: Path) -> dict[str, Seen]:
    """Return what is kept of a look that found nothing waiting."""
    changed = find_changed([place], {}, ALIASES, files, NOW)
    mark = changed["visits"]
    assert mark is not None
    return {"visits": Seen(mark, NOW)}


def test_what_is_as_it_was_is_passed_over_for_a_while(workspace: Workspace, tmp_path: Path) -> None:
    seen = marked(workspace, tmp_path)
    assert find_changed([workspace], seen, ALIASES, tmp_path, NOW + 60) == {}
    assert [*find_changed([workspace], seen, ALIASES, tmp_path, NOW + LONGEST)] == ["visits"]
    assert [*find_changed([workspace], seen, ALIASES, tmp_path, NOW - 60)] == ["visits"]


CHANGES: dict[str, Callable[[Workspace, Path], object]] = {
    "rows arrive": lambda place, _: drop(place, "new.csv", b"visit,at\n1,2024-01-01\n"),
    "labels arrive": lambda place, _: drop(place, "new.csv", b"visit,stays\n1,1\n", "labels"),
    "a batch lands": lambda place, folder: curate(place, folder, ROWS, "b2"),
    "the ledger grows": lambda place, _: note(place, "second"),
    "a champion comes": lambda place, _: place.bucket.put(place.layout.champion, b"{}"),
    "the file changes": lambda _, folder: (folder / "visits.yaml").write_text("name: visits\n\n"),
    "the file goes": lambda _, folder: (folder / "visits.yaml").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_is_seen(workspace: Workspace, tmp_path: Path, change: str) -> None:
    seen = marked(workspace, tmp_path)
    CHANGES[change](workspace, tmp_path)
    assert [*find_changed([workspace], seen, ALIASES, tmp_path, NOW + 60)] == ["visits"]


def test_an_alias_that_was_moved_is_seen(workspace: Workspace, tmp_path: Path) -> None:
    seen = marked(workspace, tmp_path)
    assert [*find_changed([workspace], seen, {"visits": "2"}, tmp_path, NOW + 60)] == ["visits"]


def test_the_requests_do_not_grow_with_what_a_pipeline_holds(tmp_path: Path) -> None:
    (tmp_path / "visits.yaml").write_text("name: visits\n")
    bucket = local(Counting)
    place = Place(bucket, "visits", Keyring("key"))
    note(place, "0")
    counts = []
    for more in (0, 20):
        for number in range(more):
            note(place, f"more-{number}")
        seen = marked(place, tmp_path)
        bucket.asked = 0
        assert find_changed([place], seen, ALIASES, tmp_path, NOW) == {}
        counts.append(bucket.asked)
    assert counts == [6, 6]


def test_what_a_minute_asks_does_not_grow_with_idle_pipelines(tmp_path: Path) -> None:
    bucket = local(Counting)
    places = [Place(bucket, f"shop-{number:03}", Keyring("key")) for number in range(2 * IN_TURN)]
    for place in places:
        (tmp_path / f"{place.name}.yaml").write_text(f"name: {place.name}\n")
    marks = find_changed(places, {}, {}, tmp_path, NOW)
    seen = {name: Seen(mark, NOW) for name, mark in marks.items() if mark}
    assert len(seen) == len(places)
    bucket.asked = 0
    assert find_changed(places, seen, {}, tmp_path, NOW + 60) == {}
    assert bucket.asked == 6 * IN_TURN
    # In its turn, the bucket says it; the pipeline's own file and the alias say it at once.
    bucket.put("shop-007/incoming/new.csv", b"id\n1\n")
    told = [find_changed(places, seen, {}, tmp_path, NOW + 60 * turn) for turn in (1, 2)]
    assert sorted(map(list, told)) == [[], ["shop-007"]]
    (tmp_path / "shop-030.yaml").write_text("name: shop-030\n\n")
    for turn in (1, 2):
        changed = find_changed(places, seen, {"shop-031": "1"}, tmp_path, NOW + 60 * turn)
        assert {"shop-030", "shop-031"} <= changed.keys()


def test_those_looked_at_longest_ago_are_looked_at_anew_a_few_at_a_time() -> None:
    mark = Mark((-1, -1, -1), "", "", "", "")
    idle = {f"shop-{number:03}": Seen(mark, NOW + number) for number in range(30)}
    assert choose_overdue(idle, NOW + 29) == frozenset()
    first = [f"shop-{number:03}" for number in range(OVERDUE)]
    assert sorted(choose_overdue(idle, NOW + LONGEST + 20)) == first


def test_what_is_kept_is_of_one_bucket_and_only_a_cache(
    workspace: Workspace, tmp_path: Path
) -> None:
    path, seen = tmp_path / "home" / "reconciler.json", marked(workspace, tmp_path)
    assert recall(path, "perennial") == {}
    remember(path, "perennial", seen)
    assert recall(path, "perennial") == seen
    assert recall(path, "another") == {}
    path.write_text('{"bucket": "perennial", "seen": {"visits": {"at": 3}}}')
    assert recall(path, "perennial") == {}
    path.write_text("{")
    assert recall(path, "perennial") == {}
