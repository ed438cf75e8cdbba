"""What a month of flights must look like before it is learned from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import great_expectations.expectations as gxe

from expectations.suite import Suite

AIRPORTS = ["EWR", "JFK", "LGA"]
CARRIERS = [
    *("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL"),
    *("HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"),
]


def suite() -> Suite:
    """Return the columns and the expectations of the flights pipeline."""
    return Suite(
        # The whole contract: a column outside it, such as a departure delay that is only known
        # after the fact, refuses the batch.
        columns={
            "flight_id": "string",
            "scheduled_departure": "timestamp",
            "scheduled_arrival": "integer",
            "scheduled_duration": "integer",
            "carrier": "string",
            "flight_number": "string",
            "tail_number": "string",
            "origin": "string",
            "destination": "string",
            "distance": "integer",
            "departures_this_hour": "integer",
            "temperature": "number",
            "dew_point": "number",
            "humidity": "number",
            "wind_direction": "number",
            "wind_speed": "number",
            "wind_gust": "number",
            "precipitation": "number",
            "pressure": "number",
            "visibility": "number",
            "plane_year": "integer",
            "seats": "integer",
            "engines": "integer",
            "plane_model": "string",
            "manufacturer": "string",
            "engine_type": "string",
            "late": "integer",
        },
        expectations=(*_identity(), *_schedule(), *_weather(), *_aircraft(), *_target()),
    )


def _identity() -> tuple[Any, ...]:
    return (
        # Without it, a file of no rows would pass every other check (Great Expectations 1.24).
        gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=5_000_000),
        gxe.ExpectColumnValuesToNotBeNull(column="flight_id"),
        gxe.ExpectColumnValuesToBeUnique(column="flight_id"),
        gxe.ExpectColumnValuesToNotBeNull(column="tail_number", mostly=0.95),
    )


def _schedule() -> tuple[Any, ...]:
    return (
        # A range alone is met by a column that is null throughout: each has a not-null beside it.
        gxe.ExpectColumnValuesToNotBeNull(column="scheduled_departure"),
        gxe.ExpectColumnValuesToBeBetween(
            column="scheduled_departure",
            min_value=datetime(2000, 1, 1),
            max_value=datetime(2100, 1, 1),
        ),
        gxe.ExpectColumnValuesToNotBeNull(column="scheduled_arrival"),
        gxe.ExpectColumnValuesToBeBetween(
            column="scheduled_arrival", min_value=0, max_value=24 * 60 - 1
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="scheduled_duration", min_value=20, max_value=1200
        ),
        gxe.ExpectColumnValuesToNotBeNull(column="origin"),
        gxe.ExpectColumnValuesToBeInSet(column="origin", value_set=AIRPORTS),
        gxe.ExpectColumnValuesToMatchRegex(column="destination", regex=r"^[A-Z]{3}$"),
        gxe.ExpectColumnValuesToNotBeNull(column="carrier"),
        # A new carrier may come: one row in a hundred is no mistake of the sender.
        gxe.ExpectColumnValuesToBeInSet(column="carrier", value_set=CARRIERS, mostly=0.99),
    )


def _weather() -> tuple[Any, ...]:
    # In degrees Fahrenheit, miles per hour and millibar.
    return (
        gxe.ExpectColumnValuesToNotBeNull(column="temperature", mostly=0.9),
        gxe.ExpectColumnValuesToBeBetween(column="temperature", min_value=-40, max_value=125),
        gxe.ExpectColumnValuesToNotBeNull(column="wind_speed", mostly=0.9),
        gxe.ExpectColumnValuesToBeBetween(
            column="wind_speed", min_value=0, max_value=120, mostly=0.99
        ),
        gxe.ExpectColumnValuesToNotBeNull(column="pressure", mostly=0.7),
        gxe.ExpectColumnValuesToBeBetween(column="pressure", min_value=900, max_value=1100),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="temperature",
            column_B="dew_point",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            mostly=0.99,
            severity="warning",
        ),
    )


def _aircraft() -> tuple[Any, ...]:
    # A sixth of the aircraft are unknown to the register.
    return (
        gxe.ExpectColumnValuesToNotBeNull(column="seats", mostly=0.7),
        gxe.ExpectColumnValuesToBeBetween(column="seats", min_value=1, max_value=900),
    )


def _target() -> tuple[Any, ...]:
    # Cancelled and diverted flights have no arrival: in a bad month one in twenty.
    return (
        gxe.ExpectColumnValuesToNotBeNull(column="late", mostly=0.5, severity="warning"),
        gxe.ExpectColumnValuesToBeInSet(column="late", value_set=[0, 1]),
    )
