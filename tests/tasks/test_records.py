"""Records as JSON, and what of it is read back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import pytest

from tasks.errors import DataError, IntegrityError
from tasks.records import MaybeNaN, plain, read


@dataclass(frozen=True)
class Inner:
    kind: Literal["a", "b"]
    at: datetime | None = None


@dataclass(frozen=True)
class Outer:
    figures: tuple[MaybeNaN, ...]
    inner: tuple[Inner, ...] = ()
    said: Mapping[str, Any] = field(default_factory=dict)


def test_a_record_is_the_same_after_strict_json() -> None:
    times = (None, datetime(2013, 4, 1, 5, 0, 0, 1), datetime(2013, 4, 1, tzinfo=UTC))
    record = Outer((0.5, 1e-300, 3.0), tuple(Inner("a", at) for at in times), {"x": [1, None]})
    text = json.dumps(plain(record), allow_nan=False)
    assert '"2013-04-01T00:00:00+00:00"' in text
    assert read(Outer, json.loads(text), "here") == record


def test_nan_is_left_for_a_strict_writer_to_refuse_unless_it_is_asked_for_as_null() -> None:
    record = Outer((0.5, math.nan))
    with pytest.raises(ValueError, match="JSON compliant"):
        json.dumps(plain(record), allow_nan=False)
    content = plain(record, nan_as_null=True)
    assert content["figures"] == [0.5, None]
    first, second = read(Outer, content, "here").figures
    assert (first, math.isnan(second)) == (0.5, True)


def test_numpys_scalars_are_written_where_the_json_module_takes_them() -> None:
    said = {"a": np.float64(0.5), "b": np.str_("x")}
    assert plain(Outer((np.float64(0.25),), said=said)) == plain(
        Outer((0.25,), said={"a": 0.5, "b": "x"})
    )
    with pytest.raises(TypeError, match="int64"):
        plain(Outer((), said={"a": np.int64(1)}))


@pytest.mark.parametrize(
    ("content", "came"),
    [
        ({}, "missing required field `figures`"),
        ({"figures": ["0.5"]}, "got '0.5' - at `$.figures[0]`"),
        ({"figures": [], "inner": [{"kind": "c"}]}, "'c' - at `$.inner[0].kind`"),
        ({"figures": [], "inner": [{"kind": "a", "at": "soon"}]}, "at `$.inner[0].at`"),
        ([], "Expected `object`, got `array`"),
        (None, "Expected `object`, got `null`"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(content: Any, came: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        read(Outer, content, "outer.json")
    assert str(caught.value).startswith("outer.json: it is a record of Outer; got ")
    assert came in str(caught.value)
    with pytest.raises(DataError, match="rows: it is a list"):
        read(Outer, content, "rows", "it is a list", refusal=DataError)


def test_what_a_newer_release_added_is_left_out_at_every_depth() -> None:
    content = {"figures": [1], "more": 1, "inner": [{"kind": "b", "more": {}}]}
    assert read(Outer, content, "here") == Outer((1.0,), (Inner("b"),))
