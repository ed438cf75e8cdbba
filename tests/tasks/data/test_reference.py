from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.reference import DatasetRef, Window
from tasks.errors import DataError
from tasks.records import plain, read

TIMES = st.none() | st.datetimes()


@st.composite
def windows(draw: st.DrawFn) -> Window:
    start, end = draw(TIMES), draw(TIMES)
    if start is not None and end is not None and end <= start:
        start = None
    zone = draw(st.sampled_from([None, UTC]))
    return Window(*(time and time.replace(tzinfo=zone) for time in (start, end)))


@settings(deadline=None)
@given(st.text(min_size=1), st.integers(0), windows())
def test_a_reference_survives_json(pipeline: str, version: int, window: Window) -> None:
    ref = DatasetRef(pipeline, version, window)
    again = read(DatasetRef, json.loads(json.dumps(plain(ref))), "reference")
    assert again == ref
    assert again.digest == ref.digest


def test_the_digest_tells_references_apart() -> None:
    noon = datetime(2013, 1, 1, 12)
    refs = [
        DatasetRef("a", 1),
        DatasetRef("b", 1),
        DatasetRef("a", 2),
        DatasetRef("a", 1, Window(start=noon)),
        DatasetRef("a", 1, Window(end=noon)),
        DatasetRef("a", 1, Window(end=noon.replace(tzinfo=UTC))),
    ]
    assert len({ref.digest for ref in refs}) == len(refs)


def test_a_window_up_to_the_latest_holds_the_latest() -> None:
    latest = datetime(2013, 3, 31, 23, 59)
    window = Window.up_to(latest, timedelta(days=30))
    assert window.start is not None
    assert window.end is not None
    assert window.start <= latest < window.end
    assert Window.up_to(latest, None).start is None
    assert Window.up_to(latest, timedelta(days=999_999)).start is None, "no year is so long ago"


@pytest.mark.parametrize("length", [timedelta(0), timedelta(seconds=-1)])
def test_a_window_that_ends_before_it_starts_is_refused(length: timedelta) -> None:
    start = datetime(2013, 1, 1)
    with pytest.raises(DataError, match="ends after it starts"):
        Window(start, start + length)


def test_a_window_with_one_zone_is_refused() -> None:
    with pytest.raises(DataError, match="both bounds have a zone"):
        Window(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 2, 1))
