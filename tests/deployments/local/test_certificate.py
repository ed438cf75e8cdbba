"""The certificate of the object store's inner ports: made once, kept while it is good."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployments.local import seaweedfs
from deployments.local.certificate import LEAST_LEFT, LIFE, ends, ensure
from deployments.local.secrets import GENERATORS
from tasks.errors import StackError
from tests.strangers import NOBODY

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ensure(made := tmp_path / "store.pem", NOW)
    return made


def test_it_is_made_once_for_this_user_alone(path: Path) -> None:
    first = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert ends(path) == NOW + LIFE
    ensure(path, NOW + LIFE - LEAST_LEFT - timedelta(days=1))
    assert path.read_bytes() == first


def test_it_is_made_anew_before_it_ends(path: Path) -> None:
    later = NOW + LIFE - LEAST_LEFT + timedelta(days=1)
    ensure(path, later)
    assert ends(path) == later + LIFE


@pytest.mark.parametrize("harm", ["open", "cut", "other key", "link"])
def test_one_that_cannot_be_trusted_is_made_anew(path: Path, tmp_path: Path, harm: str) -> None:
    before = path.read_bytes()
    if harm == "open":
        path.chmod(0o644)
    elif harm == "cut":
        path.write_bytes(before[: len(before) // 2])
    elif harm == "other key":
        ensure(other := tmp_path / "other.pem", NOW)
        key = other.read_text().partition("-----BEGIN CERTIFICATE-----")[0]
        path.write_text(key + "".join(before.decode().partition("-----BEGIN CERTIFICATE-----")[1:]))
    else:
        path.rename(moved := tmp_path / "moved.pem")
        moved.chmod(0o644)
        path.symlink_to(moved)
    ensure(path, NOW)
    assert path.read_bytes() != before
    assert path.stat().st_mode & 0o777 == 0o600
    assert not path.is_symlink()
    assert ends(path) == NOW + LIFE


def test_every_part_of_the_store_shows_it_and_asks_for_it() -> None:
    keys = dict.fromkeys(GENERATORS, "x")
    told = seaweedfs.environment(keys, Path("/run/store.pem"))
    for part in (*seaweedfs.SERVERS, "client", "worker"):
        for half in ("CERT", "KEY"):
            assert told[f"WEED_GRPC_{part.upper()}_{half}"] == "/run/store.pem"
    assert told["WEED_GRPC_CA"] == "/run/store.pem"


def test_a_socket_that_somebody_else_put_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "seaweedfs-filer-grpc-8889.sock"
    seaweedfs.refuse_foreign([path])
    path.touch()
    seaweedfs.refuse_foreign([path])
    if os.getuid() != 0:
        pytest.skip("only root can make what is another user's")
    os.chown(path, NOBODY, NOBODY)
    with pytest.raises(StackError, match=f"got uid {NOBODY}"):
        seaweedfs.refuse_foreign([path])
