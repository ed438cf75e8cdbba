"""What is dated after it came moves no clock, and hides no row that is true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.dataset.arrival import PLANNED, effective_times, latest_event, latest_time, slips

CAME = np.datetime64("2026-11-25T12:00:00.000000")
TRUE = np.datetime64("2013-04-30T23:00:00.000000")


def rows(*batches: tuple[str, list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Return event times and arrivals of batches, each its arrival and its times."""
    times = [time for _, ones in batches for time in ones]
    came = [at for at, ones in batches for _ in ones]
    return np.array(times, "datetime64[us]"), np.array(came, "datetime64[us]")


FAR = ["2041-01-01", "9999-12-31", "294247-01-10T04:00:54.775807"]


@pytest.mark.parametrize("far", FAR)
def test_a_slip_counts_as_the_latest_true_row_of_its_batch(far: str) -> None:
    times, came = rows(("2026-11-25", ["2013-04-01", far, "2013-04-30"]))
    assert slips(times, came).tolist() == [False, True, False]
    assert effective_times(times, came).astype(str).tolist() == [
        f"2013-04-{day}T00:00:00.000000" for day in ("01", "30", "30")
    ]
    assert latest_time(times, came) == np.datetime64("2013-04-30")


@pytest.mark.parametrize("far", FAR)
def test_a_file_of_slips_alone_counts_as_what_was_known_when_it_came(far: str) -> None:
    times, came = rows(
        ("2026-11-24", ["2013-04-30"]), ("2026-11-25", [far]), ("2026-11-26", ["2013-05-31"])
    )
    assert effective_times(times, came)[1] == np.datetime64("2013-04-30")
    assert latest_time(times, came) == np.datetime64("2013-05-31")
    assert latest_time(times[1:2], came[1:2]) is None


def test_a_plan_keeps_its_order_and_ends_at_its_arrival() -> None:
    times, came = rows(("2026-11-25T18:00", ["2026-11-26T06:00", "2026-11-26T09:00"]))
    assert np.array_equal(effective_times(times, came), times)
    assert latest_time(times, came) == np.datetime64("2026-11-25T18:00")


def test_what_is_true_is_not_touched() -> None:
    times, came = rows(("2026-11-25", ["2013-04-01", "2013-04-30"]))
    assert effective_times(times, came) is times


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-900, 900)), min_size=1, max_size=30))
def test_no_time_is_taken_from_beyond_the_arrival(drawn: list[tuple[int, int]]) -> None:
    """And the table too large to hold is read as the one in memory."""
    came = np.array([CAME + np.timedelta64(batch, "D") for batch, _ in drawn])
    times = came + np.array([days for _, days in drawn], "timedelta64[D]")
    found = latest_time(times, came)
    assert found is None or found <= came.max()
    wrong = slips(times, came)
    assert np.array_equal(effective_times(times, came)[~wrong], times[~wrong])
    assert (effective_times(times, came) <= came + np.timedelta64(PLANNED)).all()
    for zone in (None, "America/New_York"):
        frame = pl.DataFrame({"at": times, "came": came}).lazy()
        frame = frame.with_columns(pl.col("came").dt.replace_time_zone("UTC"))
        if zone:
            at = pl.col("at").dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
            frame = frame.with_columns(at)
        told = latest_event(frame, "at", "came")
        if told is not None and zone:
            told = told.astimezone(UTC).replace(tzinfo=None)
        assert told == (None if found is None else found.item())


def test_dates_are_their_midnights() -> None:
    frame = pl.DataFrame({"at": [datetime(2013, 4, 1).date()], "came": [datetime(2013, 4, 2)]})
    frame = frame.with_columns(pl.col("came").dt.replace_time_zone("UTC"))
    assert latest_event(frame.lazy(), "at", "came") == datetime(2013, 4, 1)
    assert timedelta(days=366) == PLANNED
