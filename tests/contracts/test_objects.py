"""What every bucket promises of its objects; run against a folder and a real SeaweedFS."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.errors import NotFound, PreconditionFailed, StoreError
from tasks.store.bucket import Bucket
from tasks.store.s3 import S3Bucket
from tests.buckets import at_once, local

MIB = 1024 * 1024
BUCKETS = {"local": lambda _: local(), "s3": lambda ask: S3Bucket(ask("s3").settings)}
CASES = ["local", pytest.param("s3", marks=pytest.mark.system)]


@pytest.fixture(params=CASES, scope="module")
def bucket(request: pytest.FixtureRequest) -> Bucket:
    return BUCKETS[request.param](request.getfixturevalue)


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> str:
    return f"contract/{request.node.originalname}/"


def test_what_was_written_is_read(bucket: Bucket, folder: str) -> None:
    written = bucket.put(f"{folder}a.csv", b"one", content_type="text/csv")
    assert bucket.get(f"{folder}a.csv") == b"one"
    found = bucket.head(f"{folder}a.csv")
    assert found is not None
    assert (found.key, found.size, found.etag) == (written.key, 3, written.etag)
    assert abs(found.modified - datetime.now(UTC)) < timedelta(minutes=5)
    assert written.modified.tzinfo is not None


def test_its_address_opens_without_any_key_of_the_store(bucket: Bucket, folder: str) -> None:
    page, other = f"{folder}Seite ä & b.html", f"{folder}other.html"
    bucket.put(page, b"<p>seen</p>", content_type="text/html; charset=utf-8")
    bucket.put(other, b"<p>not meant</p>")
    with urllib.request.urlopen(bucket.url(page)) as answer:
        assert answer.read() == b"<p>seen</p>"
        assert answer.headers["Content-Type"].startswith("text/html")
    if bucket.url(page).startswith("http"):
        elsewhere = bucket.url(page).replace(bucket.url(page).partition("?")[0], "")
        stolen = bucket.url(other).partition("?")[0] + elsewhere
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(stolen)


def test_an_empty_object_is_an_object(bucket: Bucket, folder: str, tmp_path: Path) -> None:
    assert bucket.put(f"{folder}empty", b"").size == 0
    assert bucket.get(f"{folder}empty") == b""
    assert bucket.download(f"{folder}empty", tmp_path / "empty").size == 0
    assert (tmp_path / "empty").read_bytes() == b""


def test_the_entity_tag_changes_with_the_content_alone(bucket: Bucket, folder: str) -> None:
    first = bucket.put(f"{folder}a", b"one").etag
    assert bucket.put(f"{folder}a", b"two").etag != first
    assert bucket.put(f"{folder}a", b"one").etag == first


@pytest.mark.parametrize("read", ["get", "download"])
def test_a_missing_object_is_not_found(
    bucket: Bucket, folder: str, read: str, tmp_path: Path
) -> None:
    act = {
        "get": lambda: bucket.get(f"{folder}none"),
        "download": lambda: bucket.download(f"{folder}none", tmp_path / "none"),
    }[read]
    with pytest.raises(NotFound, match="none"):
        act()
    assert bucket.head(f"{folder}none") is None
    assert list(tmp_path.iterdir()) == []


def test_only_an_absent_object_is_made(bucket: Bucket, folder: str) -> None:
    bucket.put(f"{folder}a", b"one", if_absent=True)
    with pytest.raises(PreconditionFailed):
        bucket.put(f"{folder}a", b"two", if_absent=True)
    assert bucket.get(f"{folder}a") == b"one"


def test_a_swap_needs_the_tag_it_read(bucket: Bucket, folder: str) -> None:
    first = bucket.put(f"{folder}a", b"one")
    second = bucket.put(f"{folder}a", b"two", if_match=first.etag)
    with pytest.raises(PreconditionFailed):
        bucket.put(f"{folder}a", b"three", if_match=first.etag)
    assert bucket.get(f"{folder}a") == b"two"
    bucket.put(f"{folder}a", b"three", if_match=second.etag)
    assert bucket.get(f"{folder}a") == b"three"


def test_a_swap_of_nothing_is_lost(bucket: Bucket, folder: str) -> None:
    with pytest.raises(PreconditionFailed):
        bucket.put(f"{folder}none", b"one", if_match="d41d8cd98f00b204e9800998ecf8427e")
    assert bucket.head(f"{folder}none") is None


def test_sixteen_makers_have_one_winner(bucket: Bucket, folder: str) -> None:
    told = at_once(16, lambda n: bucket.put(f"{folder}a", f"{n}".encode(), if_absent=True))
    winners = [n for n, one in enumerate(told) if not isinstance(one, PreconditionFailed)]
    assert len(winners) == 1
    assert bucket.get(f"{folder}a") == f"{winners[0]}".encode()


def test_sixteen_swappers_have_one_winner(bucket: Bucket, folder: str) -> None:
    tag = bucket.put(f"{folder}a", b"before").etag
    told = at_once(16, lambda n: bucket.put(f"{folder}a", f"{n}".encode(), if_match=tag))
    winners = [n for n, one in enumerate(told) if not isinstance(one, PreconditionFailed)]
    assert len(winners) == 1
    assert bucket.get(f"{folder}a") == f"{winners[0]}".encode()


def test_listing_is_ordered_by_key_and_keeps_to_the_prefix(bucket: Bucket, folder: str) -> None:
    names = ["a/b", "a-b", "a.csv", "ab", "ä", "Z", "z/1", "z/10", "z/2"]
    for name in names:
        bucket.put(folder + name, name.encode())
    bucket.put(f"{folder.rstrip('/')}-beside", b"other")
    assert [one.key for one in bucket.list(folder)] == sorted(folder + name for name in names)
    assert [one.key for one in bucket.list(f"{folder}z/")] == [
        f"{folder}z/1",
        f"{folder}z/10",
        f"{folder}z/2",
    ]
    assert [one.key for one in bucket.list(f"{folder}a")] == sorted(
        folder + name for name in names if name.startswith("a")
    )
    assert [one.size for one in bucket.list(f"{folder}ab")] == [2]
    assert list(bucket.list(f"{folder}none")) == []


def test_more_than_a_thousand_objects_are_listed(bucket: Bucket, folder: str) -> None:
    keys = [f"{folder}{number % 7}/{number:04}" for number in range(1050)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: bucket.put(key, b""), keys))
    assert [one.key for one in bucket.list(folder)] == sorted(keys)


def test_listing_tells_what_the_head_tells(bucket: Bucket, folder: str) -> None:
    bucket.put(f"{folder}a", b"one")
    (listed,) = bucket.list(folder)
    found = bucket.head(f"{folder}a")
    assert found is not None
    assert (listed.key, listed.size, listed.etag) == (found.key, found.size, found.etag)


@pytest.mark.parametrize(
    "name",
    ["with space", "plus+and%20percent", "ünïcödé 日本", "quote'\"&=?#", "a:b;c,d@e!$()*", "~.-_"],
)
def test_odd_names_are_names(bucket: Bucket, folder: str, name: str, tmp_path: Path) -> None:
    key = f"{folder}{name}"
    bucket.put(key, name.encode())
    assert bucket.get(key) == name.encode()
    assert bucket.download(key, tmp_path / "file").key == key
    assert [one.key for one in bucket.list(folder + name)] == [key]
    bucket.delete(key)


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a//b", "a/", "a/../b", "./a", "a/.", "a\nb", "a\x00b", "\ud800", "x" * 1025],
)
def test_a_key_that_some_store_would_change_is_refused(
    bucket: Bucket, key: str, tmp_path: Path
) -> None:
    for act in (
        lambda: bucket.put(key, b""),
        lambda: bucket.get(key),
        lambda: bucket.head(key),
        lambda: bucket.delete(key),
        lambda: bucket.download(key, tmp_path / "file"),
    ):
        with pytest.raises(StoreError, match="object key"):
            act()


def test_deleting_twice_is_deleting(bucket: Bucket, folder: str) -> None:
    bucket.put(f"{folder}a", b"one")
    bucket.delete(f"{folder}a")
    bucket.delete(f"{folder}a")
    assert bucket.head(f"{folder}a") is None
    assert list(bucket.list(folder)) == []


def test_a_large_file_comes_back_whole(bucket: Bucket, folder: str, tmp_path: Path) -> None:
    content = os.urandom(MIB) * 33 + b"end"
    (tmp_path / "up").write_bytes(content)
    sent = bucket.upload(tmp_path / "up", f"{folder}large")
    assert sent.size == len(content)
    got = bucket.download(f"{folder}large", tmp_path / "down")
    assert got.size == len(content)
    assert (tmp_path / "down").read_bytes() == content
    assert bucket.get(f"{folder}large") == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["down", "up"]


def test_a_download_replaces_what_was_there(bucket: Bucket, folder: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a longer text from before")
    bucket.put(f"{folder}a", b"one")
    bucket.download(f"{folder}a", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"one"


def test_a_reader_sees_the_old_object_or_the_new_one(
    bucket: Bucket, folder: str, tmp_path: Path
) -> None:
    contents = [bytes([number]) * 3 * MIB for number in range(4)]
    bucket.put(f"{folder}a", contents[0])

    def act(number: int) -> object:
        if number < 2:
            return [bucket.put(f"{folder}a", one).size for one in contents]
        seen = [bucket.get(f"{folder}a") for _ in range(4)]
        bucket.download(f"{folder}a", tmp_path / f"{number}")
        return [*seen, (tmp_path / f"{number}").read_bytes()]

    told = at_once(4, act)
    assert all(one in contents for seen in told[2:] for one in seen)
