"""A profile's bytes: equal for equal content, small, and refused when damaged."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from dataclasses import replace
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.documents import magic
from tasks.drift.encoding import decode_profile, encode_profile
from tasks.drift.profile import ColumnProfile, Profile, texts
from tasks.errors import IntegrityError
from tasks.features.schema import Columns
from tests.tasks.drift.scenes import profiled, rows

ANSWERS = np.tile([[0.25, 0.75], [0.5, 0.5]], (250, 1))
PROFILE = profiled(rows(500), predictions=ANSWERS, y=["no", "yes"] * 250, classes=("no", "yes"))


def test_words_are_read_as_they_were_written() -> None:
    frame = pd.DataFrame({"note": ["good book", "_", "__missing__", "good"]}, dtype="str")
    made = profiled(frame, Columns((), (), ("note",)))
    read = decode_profile(encode_profile(made))
    (words,) = read.words
    assert dict(zip(words.values.tolist(), words.counts.tolist(), strict=True)) == {
        "book": 1,
        "good": 2,
    }
    assert encode_profile(read) == encode_profile(made)
    assert decode_profile(encode_profile(replace(made, words=()))).words == ()


def test_a_profile_is_read_as_it_was_written() -> None:
    read = decode_profile(encode_profile(PROFILE))
    assert read.rows == 500
    assert encode_profile(read) == encode_profile(PROFILE)
    for one, two in zip(read.columns, PROFILE.columns, strict=True):
        assert (one.name, one.kind, one.missing, one.std) == (
            two.name,
            two.kind,
            two.missing,
            two.std,
        )
        assert one.values.tolist() == two.values.tolist()
        assert one.counts.tolist() == two.counts.tolist()
    assert read.predictions[0].name == "probability of yes"
    assert read.target is not None
    assert read.target.values.tolist() == ["no", "yes"]


@settings(max_examples=30)
@given(st.dictionaries(st.text(), st.integers(1, 2**40), max_size=5))
def test_any_text_and_count_survives(counts: dict[str, int]) -> None:
    ordered = dict(sorted(counts.items()))
    rows, counted = sum(ordered.values()) + 1, np.array([*ordered.values()], np.int64)
    made = ColumnProfile("c", "category", rows, 1, texts([*ordered]), counted)
    read = decode_profile(encode_profile(Profile(1, (made,)))).columns[0]
    assert read.values.tolist() == list(ordered)
    assert read.counts.tolist() == list(ordered.values())


@given(st.data())
def test_a_changed_byte_is_refused(data: st.DataObject) -> None:
    whole = bytearray(encode_profile(PROFILE))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(IntegrityError):
        decode_profile(bytes(whole))


@pytest.mark.parametrize("end", [0, 10, 52, 53, -1])
def test_a_cut_profile_is_refused(end: int) -> None:
    with pytest.raises(IntegrityError, match="a whole profile"):
        decode_profile(encode_profile(PROFILE)[:end])


@pytest.mark.parametrize(
    "whole",
    [
        b"",
        b"\x02\0\0\0\0\0\0\0{}",
        b"\xff" * 9,
        b"\x02\0\0\0\0\0\0\0[]",
        encode_profile(PROFILE),
    ],
)
def test_a_sound_digest_of_something_else_is_refused(whole: bytes) -> None:
    body = zlib.compress(whole)
    older = b"perennial profile 1\n" + hashlib.sha256(body).digest() + body
    newer = whole + hashlib.sha256(whole).hexdigest().encode()
    for data in (older, newer):
        with pytest.raises(IntegrityError, match=r"a profile's fields|a profile of format 1"):
            decode_profile(data)


def test_the_file_is_an_archive_that_numpy_opens() -> None:
    with np.load(BytesIO(encode_profile(PROFILE)), allow_pickle=False) as arrays:
        head = json.loads(arrays["head"].tobytes())
        assert arrays["counts"].shape == (4, sum(c["length"] for c in head["columns"]))
    assert (head["rows"], head["parts"]) == (500, [4, 1, 1])


def test_an_archive_of_something_else_is_refused() -> None:
    target = BytesIO()
    np.savez(target, head=np.frombuffer(b"{}", np.uint8), numbers=np.zeros((4, 0), np.uint8))
    with zipfile.ZipFile(target, "a") as file:
        file.comment = magic("profile") + bytes(64)
    body = target.getvalue()[:-64]
    with pytest.raises(IntegrityError, match="a profile's fields"):
        decode_profile(body + hashlib.sha256(body).hexdigest().encode())


def test_thirty_columns_are_small() -> None:
    rng = np.random.default_rng(0)
    names = tuple(f"n{number}" for number in range(30))
    frame = pd.DataFrame({name: rng.normal(size=20_000).astype("float32") for name in names})
    assert len(encode_profile(profiled(frame, Columns(names, ())))) < 250_000
