"""The monthly files of the flights demonstration."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
import pytest

from deployments.demo.flights import COLUMNS, flights, month
from tasks.errors import ConfigurationError

KNOWN_ONLY_AFTERWARDS = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}


@pytest.fixture(scope="module")
def january(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return month(1, tmp_path_factory.mktemp("flights"))


def test_a_month_holds_its_flights_only(january: Path) -> None:
    rows = pl.read_csv(january, try_parse_dates=True, infer_schema_length=None)
    assert january.name == "flights-2013-01.csv"
    assert rows.height == 27_004
    assert rows["scheduled_departure"].dt.month().unique().to_list() == [1]
    assert rows["scheduled_departure"].is_sorted()
    assert rows["flight_id"].is_unique().all()


def test_nothing_known_only_after_departure_is_in_it(january: Path) -> None:
    header = january.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert tuple(header) == COLUMNS
    assert not KNOWN_ONLY_AFTERWARDS & set(header)


def test_a_first_row_is_what_the_schedule_says(january: Path) -> None:
    lines = january.read_text(encoding="utf-8").splitlines()
    row = dict(zip(COLUMNS, lines[1].split(","), strict=True))
    assert row["flight_id"] == "UA-1545-EWR-20130101-0515"
    assert row["scheduled_departure"] == "2013-01-01T05:15:00"
    assert row["scheduled_arrival"] == str(8 * 60 + 19)
    # 05:15 Eastern to 08:19 Central
    assert row["scheduled_duration"] == str(4 * 60 + 4)
    assert row["temperature"] == "39.02"
    assert row["late"] == "0"


def test_a_flight_that_never_arrived_has_no_target() -> None:
    late = flights()["late"]
    assert late.null_count() == 9_430
    assert set(late.drop_nulls().unique()) == {0, 1}


def test_summer_time_leaves_durations_as_they_are() -> None:
    day = pl.col("scheduled_departure").dt.date()
    for destination in ("PHX", "SJU", "LAX"):
        there = flights().filter(destination=destination)
        before = there.filter(day == pl.date(2013, 3, 7))["scheduled_duration"].mean()
        after = there.filter(day == pl.date(2013, 3, 14))["scheduled_duration"].mean()
        assert after == pytest.approx(before, abs=15)


def test_the_bytes_are_the_same_every_time(january: Path, tmp_path: Path) -> None:
    again = month(1, tmp_path / "new" / "folder")
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (january, again)}
    assert len(digests) == 1
    assert [path.name for path in again.parent.iterdir()] == ["flights-2013-01.csv"]


@pytest.mark.parametrize("number", [0, 13])
def test_a_month_that_is_none_is_refused(number: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a month is 1 to 12"):
        month(number, tmp_path)
