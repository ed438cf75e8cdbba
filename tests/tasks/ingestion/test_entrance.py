"""What waits at the two entrances, in which order, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tasks.ingestion.entrance import KINDS, Entrance, find_pending, name_arrival
from tasks.store.bucket import ObjectInfo
from tasks.store.layout import Layout
from tests.tasks.ingestion.desk import visits
from tests.tasks.ingestion.landing import ROWS, curate, drop, local_workspace


def test_the_entrances_share_no_folder_and_no_name_of_a_quarantine() -> None:
    rows, labels = (Entrance(kind, Layout("visits")) for kind in KINDS)
    folders = [
        folder
        for entrance in (rows, labels)
        for folder in (entrance.incoming, entrance.receipts, entrance.quarantine("ab12"))
    ]
    assert len(set(folders)) == 6
    assert [rows.flow, labels.flow] == ["ingest", "label"]


def test_what_came_first_comes_first(tmp_path: Path) -> None:
    workspace = local_workspace(tmp_path, visits("visits"))
    keys = [drop(workspace, name, name) for name in ("b.csv", "a.csv", "sub/c.csv")]
    rows, labels = (Entrance(kind, workspace.layout) for kind in KINDS)
    assert [info.key for info in find_pending(workspace, rows)] == keys
    key = drop(workspace, "z.csv", "z", "labels")
    assert find_pending(workspace, labels) == ()
    curate(workspace, tmp_path, ROWS, "b1")
    (waiting,) = find_pending(workspace, labels)
    assert waiting.key == key
    workspace.bucket.put(labels.receipt(waiting), b"{}")
    workspace.bucket.put(rows.receipt(find_pending(workspace, rows)[1]), b"{}")
    assert find_pending(workspace, labels) == ()
    assert [info.key for info in find_pending(workspace, rows)] == [keys[0], keys[2]]


def test_an_arrival_is_named_by_its_key_and_its_bytes() -> None:
    now = datetime.now(UTC)
    infos = [
        ObjectInfo("a.csv", 1, "ab12", now),
        ObjectInfo("a.csv", 1, "cd34", now),
        ObjectInfo("b.csv", 1, "ab12", now),
        ObjectInfo("caf\udce9.csv", 1, "ab12", now),
    ]
    names = {name_arrival(info) for info in infos}
    assert len(names) == 4
    assert {len(name) for name in names} == {64}
