"""The expectations of the flights pipeline, evaluated by Great Expectations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import great_expectations as gx
import pandas as pd
import polars as pl
import pytest
from great_expectations.data_context.types.base import ProgressBarsConfig

from deployments.demo.flights import COLUMNS, flights
from expectations.flights import suite

Validate = Callable[[pd.DataFrame], Any]


@pytest.fixture(scope="module")
def validate() -> Validate:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("pandas").add_dataframe_asset("rows")
    whole = source.add_batch_definition_whole_dataframe("whole")
    expected = gx.ExpectationSuite(name="flights", expectations=list(suite().expectations))
    context.suites.add(expected)

    def run(rows: pd.DataFrame) -> Any:
        batch = whole.get_batch(batch_parameters={"dataframe": rows})
        return batch.validate(expected, result_format="BOOLEAN_ONLY")

    return run


def rows_of(number: int) -> pd.DataFrame:
    departure = pl.col("scheduled_departure")
    return flights().filter(departure.dt.month() == number).to_pandas()


def failures(result: Any) -> set[tuple[str, str]]:
    return {
        (check.expectation_config.type, check.expectation_config.kwargs.get("column", ""))
        for check in result.results
        if not check.success
    }


def test_the_contract_is_the_file_and_knows_no_column_of_the_time_after() -> None:
    columns = suite().columns
    assert columns is not None
    assert tuple(columns) == COLUMNS
    assert not {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"} & set(columns)


WORST = {2: "snow, most cancellations", 8: "least wind data", 12: "least weather data"}


@pytest.mark.parametrize("number", WORST)
def test_the_worst_months_meet_them(validate: Validate, number: int) -> None:
    assert failures(validate(rows_of(number))) == set()


SPOILT: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "a key twice": (
        lambda rows: pd.concat([rows, rows.head(1)]),
        "expect_column_values_to_be_unique",
    ),
    "no key": (
        lambda rows: rows.assign(flight_id=rows["flight_id"].where(rows.index != 5)),
        "expect_column_values_to_not_be_null",
    ),
    "another city's airport": (
        lambda rows: rows.assign(origin=rows["origin"].where(rows.index != 5, "SFO")),
        "expect_column_values_to_be_in_set",
    ),
    "many unknown carriers": (
        lambda rows: rows.assign(carrier=rows["carrier"].where(rows.index % 20 > 0, "ZZ")),
        "expect_column_values_to_be_in_set",
    ),
    "an arrival at 25 o'clock": (
        lambda rows: rows.assign(scheduled_arrival=1500),
        "expect_column_values_to_be_between",
    ),
    "degrees Kelvin": (
        lambda rows: rows.assign(temperature=rows["temperature"] + 255),
        "expect_column_values_to_be_between",
    ),
    "minutes for a target": (
        lambda rows: rows.assign(late=rows["late"] * 17),
        "expect_column_values_to_be_in_set",
    ),
    "no weather": (
        lambda rows: rows.assign(temperature=float("nan")),
        "expect_column_values_to_not_be_null",
    ),
    "nothing": (lambda rows: rows.head(0), "expect_table_row_count_to_be_between"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_spoilt_month_does_not(validate: Validate, spoilt: str) -> None:
    spoil, rule = SPOILT[spoilt]
    result = validate(spoil(rows_of(1).head(2000)))
    assert not result.success
    assert rule in {name for name, _ in failures(result)}
