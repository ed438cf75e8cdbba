from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.drafting.draft import Draft, Wishes, draft, say_draft
from tasks.drafting.series import Series, find_series, study_series
from tasks.errors import ConfigurationError
from tasks.readers.options import Reading
from tests.tasks.drafting.seen import column, study_of

ROWS = 200
draw = np.random.default_rng(5)
WALK, NOISE = draw.normal(size=ROWS).cumsum(), draw.normal(size=ROWS)
DAYS = pd.Series(pd.date_range("2024-01-01", periods=ROWS))


def table(values: np.ndarray, days: pd.Series = DAYS) -> pd.DataFrame:
    return pd.DataFrame({"day": days, "level": values, "rain": NOISE})


def told(rows: pd.DataFrame) -> Draft:
    day = column("day", "date", rows["day"].astype(str).tolist())
    rest = [column(name, "number", rows[name].tolist()) for name in ("level", "rain")]
    return draft("a", "a.csv", "level", study_of(day, *rest, rows=len(rows)), rows, Wishes())


def test_a_series_is_told_before_anything_is_brought_in() -> None:
    lines = say_draft(told(table(WALK)))
    (place,) = [number for number, line in enumerate(lines) if line.startswith("series ")]
    said = " ".join(line[10:] for line in lines[place : place + 3])
    assert said.startswith("level lies ")
    assert "the gate asks for more than the last value" in said
    assert "The last 10 values are columns of each row (features.history)" in said
    assert "one step ahead" in said


def test_a_series_is_given_its_own_history() -> None:
    made = told(table(WALK))
    assert made.content["features"]["history"] == {"lags": 10}
    # two rows of each day are of two things: which belong together only a person knows
    twice = told(table(WALK, DAYS[: ROWS // 2].repeat(2).reset_index(drop=True)))
    assert "history" not in twice.content["features"]
    assert "earlier values as columns of" in " ".join(twice.series.said)
    # its columns would be called as this one
    taken = study_series(
        table(WALK).rename(columns={"rain": "level_lag_1"}),
        *("level", "day", "regression", ROWS),
        alone=False,
    )
    assert (taken.lags, bool(taken.said)) == (0, True)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)], ids=["rising", "falling"])
def test_the_time_tells_the_order_and_not_the_file(order: slice) -> None:
    assert find_series(table(WALK)[order], "level", "day", "regression")
    shuffled = table(WALK).sample(frac=1, random_state=3)
    assert find_series(shuffled, "level", "day", "regression")


def test_what_is_no_series_is_not_called_one() -> None:
    assert told(table(NOISE)).series == Series(0, ())
    mixed = table(np.concatenate([WALK[::2], NOISE[::2] * 90]), pd.concat([DAYS[::2]] * 2))
    assert find_series(mixed, "level", "day", "regression") == ""
    assert find_series(table(WALK), "level", None, "regression") == ""
    assert find_series(table(WALK).head(30), "level", "day", "regression") == ""
    assert find_series(table(np.full(ROWS, 2.0)), "level", "day", "regression") == ""


def test_rows_of_one_time_follow_the_time_before_together() -> None:
    years = pd.Series(1950 + DAYS.index // 4)
    assert find_series(table(WALK.cumsum(), years), "level", "day", "regression")


def test_gaps_in_target_and_time_are_passed_over() -> None:
    rows = table(WALK)
    rows.loc[rows.index % 7 == 0, "level"] = np.nan
    rows.loc[rows.index % 11 == 0, "day"] = pd.NaT
    assert find_series(rows, "level", "day", "regression")


def test_a_table_of_nothing_but_its_target_is_told_which_columns_there_could_be() -> None:
    names = [f"p{number}" for number in range(ROWS)]
    level, name = column("level", "number", WALK.tolist()), column("id", "string", names)
    sample = pd.DataFrame({"level": WALK, "id": names})
    with pytest.raises(ConfigurationError, match="earlier values of level are such columns"):
        draft("a", "a.csv", "level", study_of(level, name, rows=ROWS), sample, Wishes())


def test_a_year_alone_is_learned_from_by_the_values_before() -> None:
    years = list(range(1700, 1700 + ROWS))
    form = Reading(kind="date", format="%Y")
    year = column("Year", "integer", years, forms=(Reading(kind="integer"), form))
    level, sample = column("level", "number", WALK.tolist()), pd.DataFrame({"Year": years})
    study = study_of(year, level, rows=ROWS)
    made = draft("a", "a.csv", "level", study, sample.assign(level=WALK), Wishes())
    assert made.content["features"]["history"] == {"lags": 10}
    # several rows a year tell no order, and nothing is left
    shared = sample.assign(Year=[1700 + place // 2 for place in range(ROWS)], level=WALK)
    with pytest.raises(ConfigurationError, match="left to learn from; got Year"):
        draft("a", "a.csv", "level", study, shared, Wishes())
