"""What is signed, and what any change of it comes to."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ConfigurationError, IntegrityError
from tasks.promotion.gate import Verdict
from tasks.promotion.golden import MOST, Golden, agrees, difference
from tasks.promotion.manifest import PURPOSE, Manifest, canonical, sign, verify
from tasks.promotion.rule import Outcome
from tasks.records import plain, read
from tasks.signatures import Keyring
from tests.lineage import LINEAGE

KEY = Keyring("a signing key")
GOLDEN = Path(__file__).parents[2] / "golden" / "0.1.0"
OF_0_1_0 = "a418d26aba08ab108d400a6bad86ef662284c40247714616e1d69770120793af"
FRAME = pd.DataFrame(
    {
        "origin": ["JFK", "__missing__"],
        "distance": np.array([0.1, math.nan], dtype=np.float32),
        "delay": np.array([math.inf, -3], dtype=np.float32),
    }
)


def a_manifest() -> Manifest:
    return Manifest(
        pipeline="flights",
        version=3,
        schema={"features": [{"name": "origin", "kind": "category"}]},
        task="binary",
        classes=(False, True),
        golden=Golden.of(FRAME, [[0.25, 0.75], [0.5, 0.5]]),
        metrics={"roc_auc": {"value": 0.7, "low": 0.69, "high": None}},
        data_version=4,
        window={"start": None, "end": "2013-03-01T00:00:00+00:00"},
        run="abc",
        training_key="k" * 64,
        verdict=Verdict(True, (Outcome("enough rows", True, "500", "größer"),)),
        created=datetime(2026, 1, 2, tzinfo=UTC),
        lineage=LINEAGE,
        files={"model.onnx": "0" * 64},
    )


def signed(content: dict[str, Any]) -> bytes:
    """Sign a manifest's content as another release would."""
    body = canonical(content)
    return canonical({"manifest": content, "signature": KEY.sign(PURPOSE, body)})


def read_again(golden: Golden) -> Golden:
    """Return golden rows as a manifest brings them back."""
    return read(Golden, json.loads(canonical(plain(golden))), "golden rows")


def test_what_is_signed_is_read_back() -> None:
    manifest = a_manifest()
    assert verify(sign(manifest, KEY), KEY) == manifest
    assert verify(sign(manifest, KEY), KEY).digest == manifest.digest
    assert sign(manifest, KEY) == sign(manifest, KEY)


@given(at=st.integers(0), bit=st.integers(0, 7))
def test_every_changed_bit_is_noticed(at: int, bit: int) -> None:
    data = bytearray(sign(a_manifest(), KEY))
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(IntegrityError, match=r"manifest\.json"):
        verify(bytes(data), KEY)


@pytest.mark.parametrize("more", [b"\n", b" ", b"{}"])
def test_nothing_may_be_added(more: bytes) -> None:
    with pytest.raises(IntegrityError):
        verify(sign(a_manifest(), KEY) + more, KEY)


def test_an_unsigned_key_beside_the_content_is_noticed() -> None:
    document = json.loads(sign(a_manifest(), KEY))
    with pytest.raises(IntegrityError, match="signed bytes and nothing else"):
        verify(canonical(document | {"more": 1}), KEY)


def test_a_wrong_key_says_so() -> None:
    with pytest.raises(IntegrityError, match="signature"):
        verify(sign(a_manifest(), KEY), Keyring("another"))


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"\xff", b"null", b'{"manifest":1}', b"[" * 10**5]
)
def test_other_bytes_are_no_manifest(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="signed manifest"):
        verify(data, KEY)


def test_an_empty_key_signs_nothing() -> None:
    with pytest.raises(ConfigurationError, match="signing key"):
        sign(a_manifest(), Keyring(""))


def test_another_format_is_refused_though_signed() -> None:
    newer = replace(a_manifest(), format=2)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError, match="format 1"):
        verify(sign(newer, KEY), KEY)


def test_a_field_of_a_newer_release_is_left_out_and_still_in_the_digest() -> None:
    newer = dict(plain(a_manifest()), colour="green")
    newer["lineage"] = dict(newer["lineage"], carbon=0.5)
    read_back = verify(signed(newer), KEY)
    assert read_back == a_manifest()
    assert read_back.digest == hashlib.sha256(canonical(newer)).hexdigest()
    assert read_back.digest != a_manifest().digest


@pytest.mark.parametrize("place", ["schema", "lineage.rows", "lineage.data.version"])
def test_a_field_that_is_lacking_is_named_with_its_place(place: str) -> None:
    content = plain(a_manifest())
    *folders, name = place.split(".")
    inside = content
    for folder in folders:
        inside = inside[folder]
    del inside[name]
    with pytest.raises(IntegrityError, match=rf"manifest\.json: .* `{name}`"):
        verify(signed(content), KEY)


def lessened(content: Any, known: Any) -> Any:
    """Return the content without fields that were added after `known` was written."""
    if isinstance(known, dict):
        return {name: lessened(content[name], known[name]) for name in known}
    return content


def test_a_manifest_of_0_1_0_is_read_and_written_again_byte_for_byte() -> None:
    data = (GOLDEN / "manifest.json").read_bytes()
    manifest = verify(data, Keyring("k" * 32))
    assert manifest.digest == OF_0_1_0
    content = json.loads(data)["manifest"]
    again = canonical(lessened(plain(manifest), content))
    assert again == canonical(content)
    assert hashlib.sha256(again).hexdigest() == OF_0_1_0
    assert manifest.lineage.data.window.end == datetime(2024, 4, 9, 21, 0, 0, 1)
    assert manifest.lineage.request is not None
    assert manifest.lineage.request.key == ("id",)
    assert manifest.lineage.setting.family == "linear"
    assert agrees(manifest.golden.answers, manifest.golden.answers)
    assert list(manifest.golden.frame().columns) == list(manifest.golden.columns)


def test_golden_rows_come_back_as_the_model_takes_them() -> None:
    golden = read_again(Golden.of(FRAME, [1.0, 2.0]))
    frame = golden.frame()
    assert list(frame.columns) == list(FRAME.columns)
    assert frame["distance"].dtype == np.float32
    pd.testing.assert_frame_equal(frame, FRAME)
    assert golden.outputs == ((1.0,), (2.0,))


def test_at_most_twenty_golden_rows_are_kept() -> None:
    frame = pd.DataFrame({"x": np.arange(50, dtype=np.float32)})
    golden = Golden.of(frame, np.arange(50.0))
    assert len(golden.frame()) == len(golden.outputs) == MOST


@given(st.lists(st.floats(width=32), min_size=1, max_size=5))
def test_every_float32_is_kept_exactly(values: list[float]) -> None:
    frame = pd.DataFrame({"x": np.array(values, dtype=np.float32)})
    kept = read_again(Golden.of(frame, values))
    np.testing.assert_array_equal(kept.frame()["x"], frame["x"])
    assert agrees(kept.answers, values)


@pytest.mark.parametrize(
    ("expected", "came", "far"),
    [
        ([1.0, 2.0], [1.0, 2.5], 0.25),
        ([0.1], [0.3], 0.2),
        ([math.nan], [1.0], math.inf),
        ([1.0], [math.nan], math.inf),
        ([math.inf], [math.inf], 0.0),
        ([math.inf], [-math.inf], math.inf),
        ([[0.5, 0.5]], [[0.5], [0.5]], math.inf),
        ([], [], 0.0),
    ],
)
def test_the_difference_of_answers(expected: list[float], came: list[float], far: float) -> None:
    assert difference(expected, came) == pytest.approx(far)
