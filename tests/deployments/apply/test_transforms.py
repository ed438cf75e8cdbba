"""A function that cannot be served is refused before anything is deployed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from deployments.apply.transforms import check_transform
from tasks.config import Pipeline, find_pipeline
from tasks.errors import ConfigurationError
from tasks.settings import REPOSITORY, Settings
from tests import life


def smoothed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(smooth=frame["size"].rolling(3, min_periods=1).mean())


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(double=frame["size"] * 2)


def leaked(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(leak=frame["high"] + frame["size"])


def painted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(shade=frame["colour"].map({"red": 1, "green": 2, "blue": 3}.__getitem__))


def toy(function: str | None, suite: str = "tests.suites.toy") -> Pipeline:
    content = find_pipeline("toy", REPOSITORY / "tests" / "pipelines").model_dump(mode="json")
    content["features"]["transform"] = function and f"{__name__}:{function}"
    content["data"]["suite"] = suite
    return Pipeline.model_validate(content)


def settings_of(folder: Path) -> Settings:
    return Settings("", "", "", "a key", bucket=f"file://{folder}/bucket", mlflow_uri=None)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("smoothed", "what it makes of it in a table"),
        ("leaked", "works without the target"),
        ("nowhere", "names a function"),
    ],
)
def test_before_any_row_came_the_suites_columns_tell(
    tmp_path: Path, function: str, why: str
) -> None:
    with pytest.raises(ConfigurationError, match=why):
        check_transform(settings_of(tmp_path), toy(function))


@pytest.mark.parametrize("function", [None, "doubled", "painted"])
def test_what_can_be_served_passes(tmp_path: Path, function: str | None) -> None:
    # "painted" knows no colour that is made up
    check_transform(settings_of(tmp_path), toy(function))


def test_rows_that_came_tell_more(tmp_path: Path) -> None:
    life.ingest(life.toy_workspace(tmp_path), "a.csv", life.toy_rows(80))
    settings, open_suite = settings_of(tmp_path), "tests.suites.open_columns"
    for function in ("doubled", "painted"):
        check_transform(settings, toy(function, open_suite))
    for function in ("smoothed", "leaked"):
        with pytest.raises(ConfigurationError, match="transform"):
            check_transform(settings, toy(function, open_suite))


def test_where_nothing_is_known_training_tells(tmp_path: Path) -> None:
    check_transform(settings_of(tmp_path), toy("smoothed", "tests.suites.open_columns"))
