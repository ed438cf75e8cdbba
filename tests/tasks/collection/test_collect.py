"""Each row lands once: through deaths, beside another collector, from a source that changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.collection.collect import Collected, collect
from tasks.collection.collector import Cursor, SourcePage
from tasks.collection.open import open_collector
from tasks.collection.progress import read_progress
from tasks.collection.trouble import CollectTrouble, counting_failures, find_trouble
from tasks.errors import ConfigurationError, IntegrityError, PreconditionFailed, SourceUnavailable
from tasks.faults import POINTS, Died, dying_at
from tasks.store.local import LocalBucket
from tasks.workspace import Workspace
from tests.buckets import at_once
from tests.tasks.collection.api import Api, toy_rows
from tests.tasks.collection.scenes import collecting, ingest, landed_ids, run

DEADLY = [point for point in POINTS if point.startswith("collect.") and "tries" not in point]


def paged(folder: Path, api: Api, **more: Any) -> Workspace:
    section = {"rows": "data.items", "paging": {"kind": "page"}, **more}
    return collecting(folder, kind="http", url=f"{api.url}/pages", **section)


def outlive(workspace: Workspace, deadly: set[str], between: Callable[[], None]) -> None:
    """Collect, again after each death at one of the points, until it ends well."""
    while True:
        try:
            with dying_at(*deadly):
                run(workspace, limit=900)
            return
        except Died as death:
            deadly.remove(death.point)
            between()


@pytest.mark.parametrize("point", DEADLY)
@pytest.mark.parametrize("grows", [False, True])
def test_a_death_at_any_write_leaves_each_row_once(
    point: str, grows: bool, api: Api, tmp_path: Path
) -> None:
    """Also where the source grew meanwhile, and the next try would land other bytes."""
    api.rows, deadly = toy_rows(26), {point}
    workspace = paged(tmp_path, api)

    def between() -> None:
        ingest(workspace) if landed_ids(workspace) else None
        if grows:
            api.rows = toy_rows(len(api.rows) + 7)

    outlive(workspace, deadly, between)
    assert not deadly, "it did not die"
    assert landed_ids(workspace) == list(range(33 if grows else 26))
    assert ingest(workspace) == list(range(33 if grows else 26))


def test_a_death_at_every_write_in_turn(api: Api, tmp_path: Path) -> None:
    api.rows, deadly, workspace = toy_rows(95), set(DEADLY), paged(tmp_path, api)

    def between() -> None:
        api.rows = toy_rows(len(api.rows) + 3)
        api.faults += ["ok", "503 0", "ok", "reset"]

    outlive(workspace, deadly, between)
    assert not deadly
    assert api.faults == []
    assert api.happened["503 0"] == api.happened["reset"] == len(DEADLY)
    count = 95 + 3 * len(DEADLY)
    assert landed_ids(workspace) == list(range(count))
    assert ingest(workspace) == list(range(count))


def test_what_was_tidied_away_after_a_death_is_not_collected_again(
    api: Api, tmp_path: Path
) -> None:
    api.rows, workspace = toy_rows(8), paged(tmp_path, api)
    with pytest.raises(Died), dying_at("collect.object.after"):
        run(workspace)
    assert ingest(workspace) == list(range(8))
    for info in workspace.bucket.list(workspace.layout.collected):
        workspace.bucket.delete(info.key)
    api.rows = toy_rows(12)
    run(workspace)
    assert ingest(workspace) == list(range(12))


def test_a_slip_that_finds_nothing_leaves_the_place_as_it_was(api: Api, tmp_path: Path) -> None:
    api.rows, right = toy_rows(8), paged(tmp_path, api)
    run(right)
    slip = paged(tmp_path, api, paging={"kind": "page", "start": 90})
    assert run(slip).outcome == "nothing"
    api.rows = toy_rows(12)
    run(right)
    assert landed_ids(right) == list(range(12))


@pytest.mark.parametrize("turn", range(5))
def test_two_collectors_at_once_neither_skip_nor_repeat(
    turn: int, api: Api, tmp_path: Path
) -> None:
    api.rows = toy_rows(60)
    workspace = paged(tmp_path, api)

    def act(_: int) -> Collected:
        # Each sees the source as it is when it asks: here a little more of it each time.
        with api.lock:
            api.rows = toy_rows(len(api.rows) + 9)
        return run(workspace, limit=900)

    ended = [done.outcome for done in at_once(3, act)]
    assert {"collected", "nothing"} & {*ended}, ended
    while run(workspace).outcome != "nothing":
        pass
    assert landed_ids(workspace) == list(range(len(api.rows)))
    assert ingest(workspace) == list(range(len(api.rows)))


class Late(LocalBucket):
    """Lets somebody else act right before an object is put."""

    meanwhile: Callable[[], None] | None = None

    def put(self, key: str, data: bytes, **conditions: Any) -> Any:
        act, self.meanwhile = self.meanwhile, None
        if "/collected/" in key and act is not None:
            act()
        else:
            self.meanwhile = act
        return super().put(key, data, **conditions)


def test_a_collector_that_wakes_up_late_lands_nothing(api: Api, tmp_path: Path) -> None:
    """It had begun an object, and slept while another one collected that and more."""
    api.rows = toy_rows(25)
    workspace = paged(tmp_path, api)
    bucket = Late(tmp_path / "bucket")

    def meanwhile() -> None:
        api.rows = toy_rows(44)
        run(workspace)

    bucket.meanwhile = meanwhile
    assert run(replace(workspace, bucket=bucket)).outcome == "overtaken"
    assert bucket.meanwhile is None
    assert landed_ids(workspace) == list(range(44))


def test_bytes_that_nobody_began_are_told(api: Api, tmp_path: Path) -> None:
    api.rows, workspace = toy_rows(5), paged(tmp_path, api)
    with pytest.raises(Died), dying_at("collect.object.before"):
        run(workspace)
    found = read_progress(workspace)
    assert found is not None
    (begun,) = found[0].begun
    workspace.bucket.put(begun.key, b"{}\n")
    with pytest.raises(IntegrityError, match="it holds what a collector wrote; got other bytes"):
        run(workspace)


def test_a_pipeline_that_collects_nothing_says_so(tmp_path: Path) -> None:
    from tests import life

    with pytest.raises(ConfigurationError, match=r"source.collect says from where; got nothing"):
        open_collector(life.toy_workspace(tmp_path), lambda _: None)


class Broken:
    """A collector that fails as it is told."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def pages(self, cursor: Cursor | None) -> Iterator[SourcePage]:
        raise self._error
        yield


def fail(workspace: Workspace, error: Exception) -> CollectTrouble:
    with pytest.raises(type(error)), counting_failures(workspace):
        collect(workspace, Broken(error), lambda _: None)
    trouble = find_trouble(workspace)
    assert trouble is not None
    return trouble


def test_what_only_a_person_mends_is_tried_three_times(api: Api, tmp_path: Path) -> None:
    workspace = paged(tmp_path, api)
    wrong = ConfigurationError("environment", "TOKEN is needed")
    told = [fail(workspace, wrong) for _ in range(3)]
    assert [trouble.waits for trouble in told] == [False, False, True]
    assert told[2].reason == "environment: TOKEN is needed."
    assert told[2].since == told[0].since
    # What was changed in the file is worth new tries; so is what ended well.
    assert find_trouble(paged(tmp_path, api, retries=1)) is None
    with counting_failures(workspace):
        run(workspace)
    assert find_trouble(workspace) is None


def test_a_source_that_is_away_is_tried_for_ever(api: Api, tmp_path: Path) -> None:
    workspace = paged(tmp_path, api)
    away = SourceUnavailable("https://a.example", "the source answers in time", "status 503")
    told = [fail(workspace, away) for _ in range(9)]
    assert (told[-1].tries, told[-1].waits) == (9, False)


def test_an_error_of_nobody_is_told_by_its_kind_alone(api: Api, tmp_path: Path) -> None:
    assert fail(paged(tmp_path, api), ValueError("Ann, 7 Main St")).reason == "ValueError"


def test_a_death_while_a_failure_is_counted(api: Api, tmp_path: Path) -> None:
    workspace = paged(tmp_path, api)
    for when in ("before", "after"):
        with pytest.raises(Died), dying_at(f"collect.tries.{when}"):
            fail(workspace, ConfigurationError("a", "b"))
    assert fail(workspace, ConfigurationError("a", "b")).tries == 2


def test_our_own_store_is_no_fault_of_the_source(api: Api, tmp_path: Path) -> None:
    workspace = paged(tmp_path, api)
    with pytest.raises(PreconditionFailed), counting_failures(workspace):
        raise PreconditionFailed("a", "b")
    assert find_trouble(workspace) is None
