"""What every store promises; run against the one in memory and a real SeaweedFS."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.errors import NotFound, PreconditionFailed, StoreError
from tasks.store.base import Store
from tasks.store.memory import MemoryStore
from tasks.store.s3 import S3Store

MIB = 1024 * 1024
STORES = {"memory": lambda _: MemoryStore(), "s3": lambda ask: S3Store(ask("s3").settings)}
CASES = ["memory", pytest.param("s3", marks=pytest.mark.system)]


@pytest.fixture(params=CASES, scope="module")
def store(request: pytest.FixtureRequest) -> Store:
    return STORES[request.param](request.getfixturevalue)


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> str:
    return f"contract/{request.node.originalname}/"


def at_once(count: int, act: Callable[[int], object]) -> list[object]:
    start = threading.Barrier(count)

    def run(number: int) -> object:
        start.wait()
        try:
            return act(number)
        except StoreError as error:
            return type(error)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_what_was_written_is_read(store: Store, folder: str) -> None:
    written = store.put(f"{folder}a.csv", b"one", content_type="text/csv")
    assert store.get(f"{folder}a.csv") == b"one"
    found = store.head(f"{folder}a.csv")
    assert found is not None
    assert (found.key, found.size, found.etag) == (written.key, 3, written.etag)
    assert abs(found.modified - datetime.now(UTC)) < timedelta(minutes=5)
    assert written.modified.tzinfo is not None


def test_an_empty_object_is_an_object(store: Store, folder: str, tmp_path: Path) -> None:
    assert store.put(f"{folder}empty", b"").size == 0
    assert store.get(f"{folder}empty") == b""
    assert store.download(f"{folder}empty", tmp_path / "empty").size == 0
    assert (tmp_path / "empty").read_bytes() == b""


def test_the_entity_tag_changes_with_the_content_alone(store: Store, folder: str) -> None:
    first = store.put(f"{folder}a", b"one").etag
    assert store.put(f"{folder}a", b"two").etag != first
    assert store.put(f"{folder}a", b"one").etag == first


@pytest.mark.parametrize("read", ["get", "download", "copy"])
def test_a_missing_object_is_not_found(
    store: Store, folder: str, read: str, tmp_path: Path
) -> None:
    act = {
        "get": lambda: store.get(f"{folder}none"),
        "download": lambda: store.download(f"{folder}none", tmp_path / "none"),
        "copy": lambda: store.copy(f"{folder}none", f"{folder}copy"),
    }[read]
    with pytest.raises(NotFound, match="none"):
        act()
    assert store.head(f"{folder}none") is None
    assert list(tmp_path.iterdir()) == []
    assert store.head(f"{folder}copy") is None


def test_only_an_absent_object_is_made(store: Store, folder: str) -> None:
    store.put(f"{folder}a", b"one", if_absent=True)
    with pytest.raises(PreconditionFailed):
        store.put(f"{folder}a", b"two", if_absent=True)
    assert store.get(f"{folder}a") == b"one"


def test_a_swap_needs_the_tag_it_read(store: Store, folder: str) -> None:
    first = store.put(f"{folder}a", b"one")
    second = store.put(f"{folder}a", b"two", if_match=first.etag)
    with pytest.raises(PreconditionFailed):
        store.put(f"{folder}a", b"three", if_match=first.etag)
    assert store.get(f"{folder}a") == b"two"
    store.put(f"{folder}a", b"three", if_match=second.etag)
    assert store.get(f"{folder}a") == b"three"


def test_a_swap_of_nothing_is_lost(store: Store, folder: str) -> None:
    with pytest.raises(PreconditionFailed):
        store.put(f"{folder}none", b"one", if_match="d41d8cd98f00b204e9800998ecf8427e")
    assert store.head(f"{folder}none") is None


def test_sixteen_makers_have_one_winner(store: Store, folder: str) -> None:
    told = at_once(16, lambda n: store.put(f"{folder}a", f"{n}".encode(), if_absent=True))
    winners = [n for n, one in enumerate(told) if one is not PreconditionFailed]
    assert len(winners) == 1
    assert store.get(f"{folder}a") == f"{winners[0]}".encode()


def test_sixteen_swappers_have_one_winner(store: Store, folder: str) -> None:
    tag = store.put(f"{folder}a", b"before").etag
    told = at_once(16, lambda n: store.put(f"{folder}a", f"{n}".encode(), if_match=tag))
    winners = [n for n, one in enumerate(told) if one is not PreconditionFailed]
    assert len(winners) == 1
    assert store.get(f"{folder}a") == f"{winners[0]}".encode()


def test_listing_is_ordered_by_key_and_keeps_to_the_prefix(store: Store, folder: str) -> None:
    names = ["a/b", "a-b", "a.csv", "a", "ab", "ä", "Z", "z/1", "z/10", "z/2"]
    for name in names:
        store.put(folder + name, name.encode())
    store.put(f"{folder.rstrip('/')}-beside", b"other")
    assert [one.key for one in store.list(folder)] == sorted(folder + name for name in names)
    assert [one.key for one in store.list(f"{folder}z/")] == [
        f"{folder}z/1",
        f"{folder}z/10",
        f"{folder}z/2",
    ]
    assert [one.key for one in store.list(f"{folder}a")] == sorted(
        folder + name for name in names if name.startswith("a")
    )
    assert [one.size for one in store.list(f"{folder}ab")] == [2]
    assert list(store.list(f"{folder}none")) == []


def test_more_than_a_thousand_objects_are_listed(store: Store, folder: str) -> None:
    keys = [f"{folder}{number % 7}/{number:04}" for number in range(1050)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, b""), keys))
    assert [one.key for one in store.list(folder)] == sorted(keys)


def test_listing_tells_what_the_head_tells(store: Store, folder: str) -> None:
    store.put(f"{folder}a", b"one")
    (listed,) = store.list(folder)
    found = store.head(f"{folder}a")
    assert found is not None
    assert (listed.key, listed.size, listed.etag) == (found.key, found.size, found.etag)


@pytest.mark.parametrize(
    "name",
    ["with space", "plus+and%20percent", "ünïcödé 日本", "quote'\"&=?#", "a:b;c,d@e!$()*", "~.-_"],
)
def test_odd_names_are_names(store: Store, folder: str, name: str, tmp_path: Path) -> None:
    key = f"{folder}{name}"
    store.put(key, name.encode())
    assert store.get(key) == name.encode()
    assert store.download(key, tmp_path / "file").key == key
    store.copy(key, f"{key} copy")
    assert [one.key for one in store.list(folder + name)] == [key, f"{key} copy"]
    store.delete(key)
    store.delete(f"{key} copy")


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a//b", "a/", "a/../b", "./a", "a/.", "a\nb", "a\x00b", "\ud800", "x" * 1025],
)
def test_a_key_that_some_store_would_change_is_refused(
    store: Store, key: str, tmp_path: Path
) -> None:
    for act in (
        lambda: store.put(key, b""),
        lambda: store.get(key),
        lambda: store.head(key),
        lambda: store.delete(key),
        lambda: store.copy(key, "contract/b"),
        lambda: store.copy("contract/b", key),
        lambda: store.download(key, tmp_path / "file"),
    ):
        with pytest.raises(StoreError, match="object key"):
            act()


def test_copying_leaves_both(store: Store, folder: str) -> None:
    store.put(f"{folder}a", b"one")
    assert store.copy(f"{folder}a", f"{folder}b").size == 3
    store.put(f"{folder}a", b"two")
    assert store.get(f"{folder}b") == b"one"


def test_deleting_twice_is_deleting(store: Store, folder: str) -> None:
    store.put(f"{folder}a", b"one")
    store.delete(f"{folder}a")
    store.delete(f"{folder}a")
    assert store.head(f"{folder}a") is None
    assert list(store.list(folder)) == []


def test_a_large_file_comes_back_whole(store: Store, folder: str, tmp_path: Path) -> None:
    content = os.urandom(MIB) * 33 + b"end"
    (tmp_path / "up").write_bytes(content)
    sent = store.upload(tmp_path / "up", f"{folder}large")
    assert sent.size == len(content)
    store.copy(f"{folder}large", f"{folder}copy")
    got = store.download(f"{folder}copy", tmp_path / "down")
    assert got.size == len(content)
    assert (tmp_path / "down").read_bytes() == content
    assert store.get(f"{folder}large") == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["down", "up"]


def test_a_download_replaces_what_was_there(store: Store, folder: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a longer text from before")
    store.put(f"{folder}a", b"one")
    store.download(f"{folder}a", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"one"


def test_a_reader_sees_the_old_object_or_the_new_one(
    store: Store, folder: str, tmp_path: Path
) -> None:
    contents = [bytes([number]) * 3 * MIB for number in range(4)]
    store.put(f"{folder}a", contents[0])

    def act(number: int) -> object:
        if number < 2:
            return [store.put(f"{folder}a", one).size for one in contents]
        seen = [store.get(f"{folder}a") for _ in range(4)]
        store.download(f"{folder}a", tmp_path / f"{number}")
        return [*seen, (tmp_path / f"{number}").read_bytes()]

    told = at_once(4, act)
    assert all(one in contents for seen in told[2:] for one in seen)  # type: ignore[attr-defined]
