"""The database between the requests and the tables: what is in it, and what it makes of damage."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import IntegrityError
from tasks.predictions.backlog import DAMAGED, FILE, PLACE, Backlog, is_broken, set_aside
from tests.tasks.predictions.log import asked

FRAMES = st.lists(st.tuples(st.sampled_from("ab"), st.binary(min_size=1, max_size=9)), max_size=12)
SECRET = b"Ann, 12 Elm Street " * 200


@pytest.fixture
def backlog(tmp_path: Path) -> Iterator[Backlog]:
    with closing(Backlog(tmp_path)) as backlog:
        yield backlog


def chosen(backlog: Backlog, limit: int = 2**20) -> dict[str, tuple[str, tuple[bytes, ...]]]:
    """Return the transaction and the payloads of each pipeline's parcel."""
    parcels = backlog.parcels(limit, backlog.newest())
    return {parcel.pipeline: (parcel.transaction, parcel.open().payloads) for parcel in parcels}


@given(FRAMES, st.integers(1, 30))
@settings(max_examples=20)
def test_every_payload_lands_once_and_in_order(frames: list[tuple[str, bytes]], limit: int) -> None:
    landed: dict[str, list[bytes]] = {"a": [], "b": []}
    names = set()
    with TemporaryDirectory() as folder, closing(Backlog(Path(folder))) as backlog:
        for start in range(0, len(frames), 3):
            backlog.put(frames[start : start + 3])
            for parcel in list(backlog.parcels(limit, backlog.newest()))[:1]:
                landed[parcel.pipeline] += parcel.open().payloads
                names.add(parcel.transaction)
                parcel.done()
        while parcels := list(backlog.parcels(limit, backlog.newest())):
            for parcel in parcels:
                payloads = parcel.open().payloads
                assert len(payloads) == 1 or sum(map(len, payloads)) <= limit
                assert parcel.transaction not in names
                landed[parcel.pipeline] += payloads
                parcel.done()
    for name, payloads in landed.items():
        assert payloads == [payload for whose, payload in frames if whose == name]


def test_a_parcel_stays_as_it_was_chosen(backlog: Backlog, tmp_path: Path) -> None:
    backlog.put([("flights", b"one"), ("prices", b"two"), ("flights", b"three")])
    first = chosen(backlog)
    assert {name: payloads for name, (_, payloads) in first.items()} == {
        "flights": (b"one", b"three"),
        "prices": (b"two",),
    }
    backlog.put([("flights", b"four")])
    with closing(Backlog(tmp_path)) as another:
        assert chosen(another) == first
    for parcel in backlog.parcels(2**20, backlog.newest()):
        parcel.done()
    second = chosen(backlog)
    assert second["flights"][1] == (b"four",)
    assert second["flights"][0] != first["flights"][0]
    assert first["flights"][0] != first["prices"][0]


def test_a_parcel_holds_about_so_many_bytes_and_one_payload_at_the_least(backlog: Backlog) -> None:
    payloads = [bytes([number]) * size for number, size in enumerate((40, 50, 30, 200, 10))]
    backlog.put([("flights", payload) for payload in payloads])
    assert backlog.sizes() == {"flights": 330}
    found = []
    while parcels := list(backlog.parcels(100, backlog.newest())):
        (parcel,) = parcels
        found.append(parcel.open().payloads)
        parcel.done()
    assert [len(parcel) for parcel in found] == [2, 1, 1, 1]
    assert [payload for parcel in found for payload in parcel] == payloads
    assert backlog.sizes() == {}


def test_what_came_later_is_for_the_next_round(backlog: Backlog) -> None:
    backlog.put([("flights", b"one")])
    newest = backlog.newest()
    (parcel,) = backlog.parcels(2**20, newest)
    parcel.done()
    backlog.put([("flights", b"two"), ("prices", b"three")])
    assert list(backlog.parcels(2**20, newest)) == []
    assert chosen(backlog)["flights"][1] == (b"two",)


def test_a_write_that_fails_leaves_nothing(backlog: Backlog) -> None:
    with pytest.raises(TypeError):
        backlog.put([("flights", b"one"), ("flights", None)])  # type: ignore[list-item]
    assert backlog.sizes() == {}


def test_what_was_shipped_is_not_kept(backlog: Backlog, tmp_path: Path) -> None:
    backlog.put([("flights", SECRET)] * 100)
    for parcel in backlog.parcels(2**20, backlog.newest()):
        parcel.done()
    backlog.tidy()
    files = [path.read_bytes() for path in (tmp_path / PLACE).iterdir()]
    assert not [data for data in files if SECRET[:20] in data]
    assert (tmp_path / PLACE / FILE).stat().st_size < 50_000


def test_a_payload_that_was_changed_is_counted_and_no_other_is_lost(
    backlog: Backlog, tmp_path: Path
) -> None:
    backlog.put([("flights", b"one"), ("flights", b"other"), ("flights", b"three")])
    asked(tmp_path, "UPDATE frames SET payload = ? WHERE payload = ?", b"0ther", b"other")
    (parcel,) = backlog.parcels(2**20, backlog.newest())
    assert (parcel.open().payloads, parcel.open().torn) == ((b"one", b"three"), 5)


def test_those_who_make_it_at_once_all_have_it(tmp_path: Path) -> None:
    for number in range(100):
        together = Barrier(4)

        def make(_: int, place: Path = tmp_path / f"{number}", start: Barrier = together) -> None:
            start.wait()
            Backlog(place).close()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(make, range(4)))


def test_a_newer_releases_is_left_alone(backlog: Backlog, tmp_path: Path) -> None:
    backlog.put([("flights", b"one")])
    asked(tmp_path, "PRAGMA user_version = 2")
    with pytest.raises(IntegrityError, match="format 1; got 2"):
        Backlog(tmp_path)


def test_a_damaged_one_is_set_aside_and_nobody_writes_into_it(
    backlog: Backlog, tmp_path: Path
) -> None:
    backlog.put([("flights", b"one")])
    (tmp_path / DAMAGED / "earlier").mkdir(parents=True)
    assert set_aside(tmp_path)[0] == tmp_path / DAMAGED
    with pytest.raises(FileNotFoundError):
        backlog.put([("flights", b"two")])
    with closing(Backlog(tmp_path)) as another:
        assert another.sizes() == {}
        another.put([("flights", b"two")])
        with pytest.raises(FileNotFoundError, match="was taken away"):
            backlog.put([("flights", b"three")])
    assert not (tmp_path / DAMAGED / "earlier").exists()


def test_damage_is_told_from_a_disk_that_refuses(tmp_path: Path) -> None:
    Backlog(tmp_path).close()
    (tmp_path / PLACE / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(Exception, match="not a database") as caught:
        Backlog(tmp_path)
    assert is_broken(caught.value)  # type: ignore[arg-type]
    assert not is_broken(OSError("full"))
