"""What release 0.1.0 left lands once; of a damaged file, the beginning of what was written."""

from __future__ import annotations

import shutil
from pathlib import Path
from zlib import crc32

from hypothesis import example, given
from hypothesis import strategies as st

from tasks.predictions.record import decoded
from tasks.predictions.segments import HEAD, LENGTH, MAGIC, left, unframed
from tasks.predictions.table import predictions_table, rows_of
from tasks.settings import REPOSITORY, Settings
from tasks.store.connect import open_bucket
from tests.tasks.predictions.shipping import VISITS, landed, ship_once, waiting

LEFT = REPOSITORY / "tests" / "golden" / "0.1.0" / "predictions" / "flights"
PARCEL = LEFT / "01795645144823182357-w0-df58a235-ad4d45a7.parcel"
# The id that 0.1.0 landed it under.
TRANSACTION = "log-6b731bf6d0564bf4e9fd76db607bd4e67f011834a5cbd42df14e4039b0b30725"

PAYLOADS = st.lists(st.binary(max_size=60), max_size=6)


def framed(payload: bytes) -> bytes:
    length = LENGTH.pack(len(payload))
    return length + LENGTH.pack(crc32(payload, crc32(length))) + payload


def file(payloads: list[bytes]) -> bytes:
    return MAGIC + b"".join(map(framed, payloads))


@given(PAYLOADS)
def test_what_was_framed_is_read(payloads: list[bytes]) -> None:
    found = unframed(file(payloads))
    assert (list(found.payloads), found.torn) == (payloads, 0)


@given(PAYLOADS, st.data())
def test_a_truncated_file_gives_its_whole_frames(
    payloads: list[bytes], data: st.DataObject
) -> None:
    whole = file(payloads)
    end = data.draw(st.integers(0, len(whole) - 1))
    found = unframed(whole[:end])
    kept = len(found.payloads)
    assert list(found.payloads) == payloads[:kept]
    assert kept == len(payloads) or len(file(payloads[: kept + 1])) > end
    assert found.torn == end - (len(file(payloads[:kept])) if end >= len(MAGIC) else 0)


@given(PAYLOADS, st.integers(0), st.integers(1, 255))
def test_a_changed_byte_never_gives_another_payload(
    payloads: list[bytes], place: int, change: int
) -> None:
    damaged = bytearray(file(payloads))
    place %= len(damaged)
    damaged[place] ^= change
    found = unframed(bytes(damaged))
    before = sum(len(file(payloads[: n + 1])) <= place for n in range(len(payloads)))
    assert list(found.payloads) == payloads[: before if place >= len(MAGIC) else 0]
    assert found.torn > 0


@given(PAYLOADS, st.binary(min_size=1, max_size=40))
@example([b"one"], bytes(64))
@example([b"one"], HEAD.pack(2**32 - 1, 0))
def test_bytes_after_the_end_are_torn(payloads: list[bytes], more: bytes) -> None:
    found = unframed(file(payloads) + more)
    assert list(found.payloads) == payloads
    assert found.torn == len(more)


def test_a_frame_inside_a_payload_is_no_frame() -> None:
    damaged = bytearray(file([framed(b"what a client sent"), b"after"]))
    damaged[len(MAGIC)] ^= 1
    assert unframed(bytes(damaged)).payloads == ()


def whole(log: Path, pipeline: str = "flights") -> Path:
    """Return a copy of what 0.1.0 left: a parcel of two files with the answers 0 to 4."""
    return Path(shutil.copytree(LEFT, log / pipeline)) / PARCEL.name


def test_a_parcel_has_the_id_of_the_release_that_chose_it(tmp_path: Path) -> None:
    whole(tmp_path)
    (parcel,) = left(tmp_path)
    assert (parcel.pipeline, parcel.transaction) == ("flights", TRANSACTION)


def test_what_was_left_at_any_step_lands_once(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for name in ("chosen", "filling", "done", "closed", "open"):
        (settings.pipelines / f"{name}.yaml").write_text(VISITS.replace("visits", name))
    chosen = whole(log, "chosen")
    whole(log, "filling").rename(log / "filling" / "1.filling")
    whole(log, "done").rename(log / "done" / "1.done")
    one, two = sorted(whole(log, "closed").iterdir())
    one.rename(log / "closed" / one.name)
    two.rename(log / "closed" / f"{two.stem}.parcel")
    torn = min(whole(log, "open").iterdir()).rename(log / "open" / "2.open")
    torn.write_bytes(torn.read_bytes() + b"torn")
    (log / "open" / "3.open").touch()
    shipped = ship_once(settings, log)
    assert landed(settings, "chosen") == landed(settings, "filling") == list(range(5))
    assert landed(settings, "closed") == landed(settings, "open") == list(range(5))
    assert landed(settings, "done") == []
    assert (shipped.rows, shipped.torn_bytes, shipped.failures) == (20, 4, 0)
    assert (waiting(log), chosen.exists()) == ([], False)


def test_what_had_landed_does_not_land_again(settings: Settings, tmp_path: Path) -> None:
    (parcel,) = left(whole(tmp_path / "log", "landed").parent.parent)
    records = [record for data in parcel.open().payloads for record in decoded(data).records]
    rows = rows_of(records, None)
    predictions_table(open_bucket(settings), "landed").append(rows, TRANSACTION, {})
    shipped = ship_once(settings, tmp_path / "log")
    assert (landed(settings, "landed"), shipped.rows) == (list(range(5)), 0)
    assert waiting(tmp_path / "log") == []
