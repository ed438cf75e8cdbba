"""What a user's function may not do is refused before anything is learned with it."""

from __future__ import annotations

import pandas as pd
import pytest

from tasks.errors import ConfigurationError, DataError
from tasks.features.transform import apply_transform, check_servable, make_up

ROWS = pd.DataFrame({"width": [1.0, 2.0, 4.0], "code": ["a-1", "b-2", "c-3"], "broken": [0, 1, 0]})


def area(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(area=frame["width"] ** 2)


def ranked(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(place=frame["width"].rank())


def centred(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(apart=frame["width"] - frame["width"].mean())


def told(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(often=frame.groupby("code")["broken"].transform("mean"))


def asks(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(known=frame["broken"] * 2)


def dotted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(known=frame.broken * 2)


def quoting(frame: pd.DataFrame) -> pd.DataFrame:
    raise ValueError(f"no numbers: '{frame['who'].iloc[0]}'")


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(number=frame["code"].str.partition("-")[2].astype(int))


def fewer(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.head(2)


def check(function: str | None, rows: pd.DataFrame = ROWS, *, made_up: bool = False) -> None:
    name = None if function is None else f"{__name__}:{function}"
    check_servable(name, "broken", rows, made_up=made_up)


@pytest.mark.parametrize("function", [None, "area", "numbered"])
def test_what_looks_at_its_own_row_alone_passes(function: str | None) -> None:
    check(function)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("ranked", "what it makes of it in a table"),
        ("centred", "what it makes of it in a table"),
        ("fewer", "what it makes of it in a table"),
        ("asks", "works without the target"),
        ("dotted", "works without the target"),
        ("told", "works without the target"),
        ("nowhere", "names a function"),
    ],
)
@pytest.mark.parametrize("made_up", [False, True])
def test_what_no_request_could_go_through_is_refused(
    function: str, why: str, made_up: bool
) -> None:
    with pytest.raises(ConfigurationError, match=why):
        check(function, made_up=made_up)


def test_a_failure_counts_on_rows_that_came_alone() -> None:
    rows = make_up({"code": "string", "width": "number", "broken": "integer"})
    check("numbered", rows, made_up=True)
    with pytest.raises(ConfigurationError, match="numbered"):
        check("numbered", rows)
    with pytest.raises(ConfigurationError, match="in a table"):
        check("centred", rows, made_up=True)


def test_what_fails_is_told_without_the_rows() -> None:
    rows = pd.DataFrame({"who": ["Zaphod Beeblebrox"], "code": ["x-Zaphod"]})
    with pytest.raises(DataError, match="ValueError: invalid literal for int") as failed:
        apply_transform(rows, numbered)
    assert "Zaphod Beeblebrox" not in str(failed.value)
    with pytest.raises(DataError, match="numbers: '…'") as failed:
        apply_transform(rows, quoting)
    assert "Zaphod" not in str(failed.value)
