"""A disk that is nearly full is told of, and one that is as good as full takes nothing in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.local.doctor import check_disk
from deployments.local.folder import Folder
from tasks.errors import StoreFull, tells_absence
from tasks.settings import Settings
from tasks.signatures import Keyring
from tasks.store.room import STOP, WARN, find_room, look_at_disk, refuse_full
from tests.disks import fill, small_disk
from tests.servers import S3


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as place:
        yield place


def in_folder(disk: Path) -> Settings:
    (disk / "bucket").mkdir(exist_ok=True)
    return Settings(
        "", "", "", Keyring("key"), bucket=(disk / "bucket").as_uri(), home=disk / "home"
    )


def test_a_filling_disk_is_warned_of_then_closed_and_heals(disk: Path) -> None:
    settings = in_folder(disk)
    fill(disk, 0.5)
    refuse_full(settings)
    room = find_room(settings)
    assert room is not None
    assert not room.scarce
    fill(disk, WARN + 0.02)
    refuse_full(settings)
    warned = check_disk(Folder(disk / "home"))
    assert not warned.passed
    assert "82 % of the disk at" in warned.detail
    assert "vacuum" in warned.remedy
    filler = fill(disk, STOP + 0.01)
    with pytest.raises(StoreFull, match=r"under 97 % of its disk is used; got 98 % of the disk"):
        refuse_full(settings)
    filler.unlink()
    refuse_full(settings)


def test_a_full_disk_is_waited_for_as_a_server_that_is_away() -> None:
    assert tells_absence("Flow run encountered an exception: StoreFull: the bucket: …")
    assert not tells_absence("Flow run encountered an exception: DataError: rows: …")


def test_of_a_bucket_elsewhere_no_disk_is_known(tmp_path: Path) -> None:
    (tmp_path / "s3").mkdir()
    ours = Settings("http://127.0.0.1:8333", "a", "b", Keyring("key"), home=tmp_path)
    assert find_room(ours) == look_at_disk(tmp_path / "s3")
    assert find_room(replace(ours, s3_endpoint="https://s3.example")) is None
    assert find_room(replace(ours, home=tmp_path / "none")) is None


def test_the_object_stores_disk_is_found(s3: S3) -> None:
    room = find_room(s3.settings)
    assert room is not None
    assert room.folder == s3.settings.home / "s3"
