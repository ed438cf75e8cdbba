"""Whatever happens to a file, what is read of it is the beginning of what was written."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from tasks.predictions.frames import HEAD, MAGIC, framed, unframed

PAYLOADS = st.lists(st.binary(max_size=60), max_size=6)


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
