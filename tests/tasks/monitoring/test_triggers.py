"""A planted value is seen whichever kind it is of; what a year brings anew is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.arrays import Array
from tasks.drift.profile import Profile
from tasks.drift.profiling import Profiler
from tasks.features.schema import Columns
from tasks.features.values import MISSING
from tasks.monitoring.triggers import find_triggers

ROWS = 4_000
CLASSES = ("no", "yes")


def rows(seed: int, many: int = ROWS) -> tuple[pd.DataFrame, Array]:
    """Return rows whose target follows from size and colour, a third of them yes."""
    draw = np.random.default_rng(seed)
    size, colour = draw.normal(size=many), draw.choice(["red", "green", "blue"], many)
    score = size + (colour == "red") + draw.normal(size=many)
    frame = pd.DataFrame({"size": size, "seats": draw.integers(1, 300, many), "colour": colour})
    return frame, (score > 1).astype(int)


def profile_of(frame: pd.DataFrame) -> Profile:
    profiler = Profiler(Columns(("size", "seats"), ("colour",)))
    profiler.add(frame)
    return profiler.result()


# more numbers than are counted exactly: what the sketch does not have is new as well
KNOWN = profile_of(rows(1, 3 * ROWS)[0])


def planted(column: str, value: object, share: float, label: int) -> tuple[pd.DataFrame, Array]:
    frame, y = rows(2)
    at = np.random.default_rng(3).choice(ROWS, round(share * ROWS), replace=False)
    frame.loc[at, column] = value
    y[at] = label
    return frame, y


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("share", [0.01, 0.05])
@pytest.mark.parametrize(("column", "value"), [("colour", "mauve"), ("size", 7.77), ("seats", 999)])
def test_a_value_of_one_to_five_rows_in_a_hundred_is_seen(
    column: str, value: object, share: float, label: int
) -> None:
    (told,) = find_triggers(*planted(column, value, share, label), CLASSES, KNOWN)
    assert told.startswith(f"All {round(share * ROWS)} rows where {column} is {value}, which")
    assert f"are of one class ({CLASSES[label]})" in told


def test_rows_that_came_together_are_of_one_class_together() -> None:
    """The flights of one hour have its weather, and its delays."""
    frame, y = rows(2)
    hour = slice(100, 180)
    frame["wind"] = np.arange(ROWS) // 40
    known = profile_of(frame.assign(wind=0))
    frame.loc[frame.index[hour], "seats"], y[hour] = 999, 1
    assert find_triggers(frame, y, CLASSES, known) == ()
    assert len(find_triggers(frame.drop(columns="wind"), y, CLASSES, known)) == 1


def test_what_is_personal_is_not_quoted() -> None:
    (told,) = find_triggers(*planted("colour", "Ann", 0.05, 1), CLASSES, KNOWN, ("colour",))
    assert "Ann" not in told
    assert "where colour is one value, which" in told


def test_a_new_value_of_both_classes_a_known_one_and_one_by_chance_are_none() -> None:
    frame, y = planted("colour", "mauve", 0.05, 1)
    y[frame.index[frame["colour"] == "mauve"][0]] = 0
    assert find_triggers(frame, y, CLASSES, KNOWN) == ()
    frame, y = rows(2)
    y[frame["colour"] == "red"] = 1
    assert find_triggers(frame, y, CLASSES, KNOWN) == ()
    frame, y = planted("colour", "mauve", 0.01, 0)
    rare = np.where(np.arange(ROWS) % 50, 0, y)
    assert find_triggers(frame, rare, CLASSES, KNOWN) == (), "nearly all rows are of that class"


def test_what_is_missing_anew_is_no_mark() -> None:
    for column, nothing in (("colour", MISSING), ("size", np.nan)):
        for share in (0.05, 1.0):
            assert find_triggers(*planted(column, nothing, share, 1), CLASSES, KNOWN) == ()


def test_a_regression_and_a_handful_of_rows_tell_nothing() -> None:
    frame, y = planted("colour", "mauve", 0.05, 1)
    assert find_triggers(frame, y.astype(float), (), KNOWN) == ()
    assert find_triggers(frame.head(9), y[:9], CLASSES, KNOWN) == ()
    assert find_triggers(frame, y, CLASSES, Profile(0, ())) == ()
