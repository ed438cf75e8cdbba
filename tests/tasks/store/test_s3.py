from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.errors import (
    AccessDenied,
    ConfigurationError,
    IntegrityError,
    NotFound,
    PreconditionFailed,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from tasks.promotion.versions import load, manifest_of, publish
from tasks.reconciliation.readable import find_unreadable
from tasks.settings import Settings
from tasks.signatures import Keyring
from tasks.store.s3 import S3Bucket
from tasks.store.s3_errors import refusal, translated
from tasks.store.s3_patience import PATIENCE, PAUSES, wait_for_answers
from tests.proxy import Mode, Proxy, proxied
from tests.servers import S3
from tests.tasks.promotion.scenes import building, context_of

NOWHERE = Settings("http://127.0.0.1:1", "key", "a-secret-text", Keyring("signing"))


@pytest.fixture
def proxy(s3: S3) -> Iterator[Proxy]:
    with proxied(int(s3.settings.s3_endpoint.rpartition(":")[2])) as proxy:
        yield proxy


def behind(proxy: Proxy, s3: S3) -> S3Bucket:
    return S3Bucket(replace(s3.settings, s3_endpoint=proxy.address))


def losing(start: bytes, lost: list[bytes]) -> Callable[[bytes], bytes | None]:
    """Lose the first answer that begins so, and keep it in `lost`."""

    def lose_first(data: bytes) -> bytes | None:
        if data.startswith(start) and not lost:
            lost.append(data)
            return None
        return data

    return lose_first


def test_a_closed_port_is_told_with_its_address_and_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    bucket = S3Bucket(replace(NOWHERE, s3_endpoint=f"http://127.0.0.1:{port}"))
    (tmp_path / "large").write_bytes(bytes(17 * 1024 * 1024))
    for act in (
        lambda: bucket.head("a"),
        lambda: bucket.put("a", b""),
        lambda: list(bucket.list("")),
        lambda: bucket.upload(tmp_path / "large", "a"),
    ):
        with pytest.raises(StoreUnavailable) as told:
            act()
        assert f"http://127.0.0.1:{port}" in str(told.value)
        assert "Run `perennial status`." in str(told.value)
        assert told.value.__cause__ is not None


@pytest.mark.system
@pytest.mark.parametrize("wrong", [{"secret_key": "wrong-secret"}, {"access_key": "nobody"}])
def test_wrong_credentials_are_told_without_naming_them(
    s3: S3, wrong: dict[str, str], tmp_path: Path
) -> None:
    bucket = S3Bucket(replace(s3.settings, **wrong))
    for act in (
        lambda: bucket.head("a"),
        lambda: bucket.get("a"),
        lambda: bucket.put("a", b""),
        lambda: list(bucket.list("")),
        lambda: bucket.download("a", tmp_path / "a"),
    ):
        with pytest.raises(AccessDenied, match="AWS_SECRET_ACCESS_KEY") as told:
            act()
        assert s3.settings.secret_key not in str(told.value)
        assert "wrong-secret" not in str(told.value)


@pytest.mark.system
def test_a_missing_bucket_is_not_a_missing_object(s3: S3) -> None:
    bucket = S3Bucket(replace(s3.settings, bucket="no-such-bucket"))
    with pytest.raises(StoreError, match="no-such-bucket: the bucket exists") as told:
        bucket.get("a")
    assert not isinstance(told.value, NotFound)


def test_an_endpoint_that_is_none_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="AWS_ENDPOINT_URL"):
        S3Bucket(replace(NOWHERE, s3_endpoint="nowhere"))


@pytest.mark.system
def test_a_write_whose_answer_was_lost_is_not_taken_for_a_lost_race(s3: S3, proxy: Proxy) -> None:
    lost: list[bytes] = []
    proxy.answer = losing(b"HTTP/1.1 200", lost)
    info = behind(proxy, s3).put("lost/answer", b"mine", if_absent=True)
    assert len(lost) == 1
    assert S3Bucket(s3.settings).head("lost/answer").etag == info.etag  # type: ignore[union-attr]


@pytest.mark.system
def test_a_race_that_was_lost_stays_lost_also_when_an_answer_was(s3: S3, proxy: Proxy) -> None:
    S3Bucket(s3.settings).put("lost/race", b"theirs")
    lost: list[bytes] = []
    proxy.answer = losing(b"HTTP/1.1 412", lost)
    with pytest.raises(PreconditionFailed):
        behind(proxy, s3).put("lost/race", b"mine", if_absent=True)
    assert len(lost) == 1
    assert S3Bucket(s3.settings).get("lost/race") == b"theirs"


@pytest.mark.system
@pytest.mark.parametrize("act", ["get", "download"])
def test_damaged_bytes_are_not_handed_on(s3: S3, proxy: Proxy, act: str, tmp_path: Path) -> None:
    S3Bucket(s3.settings).put("damaged", b"the very bytes that were written")
    proxy.answer = lambda data: data.replace(b"very bytes", b"very lines")
    bucket = behind(proxy, s3)
    with pytest.raises(IntegrityError, match="damaged"):
        bucket.get("damaged") if act == "get" else bucket.download("damaged", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.system
@pytest.mark.parametrize("size", [1000, 17 * 1024 * 1024])
def test_an_object_that_changes_while_it_is_read_comes_whole(
    s3: S3, proxy: Proxy, size: int, tmp_path: Path
) -> None:
    direct = S3Bucket(s3.settings)
    before, after = (bytes([number]) * size for number in (1, 2))
    direct.put("moving", before)
    changed: list[bool] = []

    def change_first(data: bytes) -> bytes:
        if data.startswith(b"HTTP/1.1 200") and not changed:
            changed.append(True)
            direct.put("moving", after)
        return data

    proxy.answer = change_first
    info = behind(proxy, s3).download("moving", tmp_path / "a")
    assert changed
    assert (tmp_path / "a").read_bytes() == after
    assert info.etag == direct.head("moving").etag  # type: ignore[union-attr]


@pytest.mark.system
def test_a_slow_store_is_waited_for(s3: S3, proxy: Proxy) -> None:
    bucket, proxy.delay = behind(proxy, s3), 0.3
    bucket.put("slow", b"mine")
    assert bucket.get("slow") == b"mine"


@pytest.mark.system
@pytest.mark.parametrize(("mode", "most"), [("silent", 6), ("reset", 6), ("busy", 6)])
def test_one_that_does_not_answer_is_told_within_a_bound(
    s3: S3, proxy: Proxy, mode: Mode, most: float
) -> None:
    direct, key = S3Bucket(s3.settings), f"away/{mode}"
    direct.put(key, b"old")
    waiting = replace(s3.settings, s3_endpoint=proxy.address)
    bucket = S3Bucket(waiting, patience=2, silence=0.5)
    assert bucket.get(key) == b"old"
    # on connections that are open already as on new ones
    proxy.mode = mode
    for act in (lambda: bucket.get(key), lambda: bucket.put(key, b"new", if_match="x")):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="Run `perennial status`"):
            act()
        assert time.monotonic() - began < most
    assert direct.get(key) == b"old"
    proxy.mode = "open"
    bucket.put(key, b"new")
    assert direct.get(key) == b"new"


def test_a_busy_store_is_not_asked_by_all_at_once() -> None:
    handlers: list[Callable[..., float | None]] = []
    events = SimpleNamespace(register_first=lambda _, handler: handlers.append(handler))
    wait_for_answers(SimpleNamespace(meta=SimpleNamespace(events=events)), PATIENCE)
    said = (SimpleNamespace(status_code=503), None)
    for attempts, pause in enumerate(PAUSES, 1):
        waits = [
            handlers[0](attempts=attempts, response=said, request_dict={"context": {}})
            for _ in range(100)
        ]
        # as if each were another client's, told so at the same moment
        assert len(set(waits)) == 100
        assert pause / 2 <= min(filter(None, waits)) < 0.8 * pause
        assert 1.2 * pause < max(filter(None, waits)) <= 1.5 * pause


@pytest.mark.system
@pytest.mark.parametrize("lost", range(3))
def test_no_version_is_half_published_however_late_the_store_goes(
    s3: S3, proxy: Proxy, lost: int, tmp_path: Path
) -> None:
    """Of a publication the connection is reset for good from the n-th write on."""
    puts, name = [], f"torn{lost}"

    def ask(piece: bytes) -> bytes | None:
        puts.extend([piece] if piece.startswith(b"PUT ") else [])
        return piece if len(puts) <= lost else None

    proxy.ask = ask
    place = context_of(behind(proxy, s3), name, tmp_path)
    with pytest.raises(StoreUnavailable):
        publish(place, "training", building(name, "training"))
    assert len(puts) > lost
    direct = context_of(S3Bucket(s3.settings), name, tmp_path)
    with pytest.raises(NotFound):
        manifest_of(direct, 1)
    assert find_unreadable(direct) == ()
    proxy.ask = bytes
    assert publish(place, "training", building(name, "training")) == 1
    assert load(direct, 1).manifest.training_key == "training"


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("NoSuchKey", 404, NotFound),
        ("404", 404, NotFound),
        ("PreconditionFailed", 412, PreconditionFailed),
        ("ConditionalRequestConflict", 409, PreconditionFailed),
        ("RequestTimeTooSkewed", 403, AccessDenied),
        ("AccessDenied", 403, AccessDenied),
        ("SlowDown", 503, StoreUnavailable),
        ("XMinioStorageFull", 507, StoreFull),
        ("Odd", 418, StoreError),
    ],
)
def test_an_answer_has_one_meaning(code: str, status: int, expected: type[StoreError]) -> None:
    told = refusal(code, status, "what it said.", store="http://s/b", key="a.csv")
    assert type(told) is expected
    assert "what it said" in str(told)


def test_a_full_local_disk_is_told() -> None:
    with pytest.raises(StoreFull, match="local disk"), translated("http://s/b", "a"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_any_other_fault_is_left_as_it_is() -> None:
    with pytest.raises(PermissionError), translated("http://s/b", "a"):
        raise PermissionError(errno.EACCES, "Permission denied")
