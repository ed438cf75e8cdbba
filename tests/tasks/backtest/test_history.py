"""A history that lacks something is refused, and means are taken where every model has a figure."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tasks.backtest.history import Cell, History
from tasks.errors import DataError
from tests.tasks.backtest.scenes import figure, history

FULL = history(8)


def without(key: tuple[int, int]) -> dict[tuple[int, int], Cell]:
    return {one: cell for one, cell in FULL.cells.items() if one != key}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"first": 7}, "a batch follows the first model"),
        ({"first": -1}, "a batch follows the first model"),
        ({"first": 0}, "model 0 is fitted"),
        ({"cells": without((3, 6))}, r"no cell for \[\(3, 6\)\]"),
        ({"naive": {"mean": (1.0,)}}, "a value a batch; got mean"),
    ],
)
def test_what_is_not_whole_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        replace(FULL, **change)


def undefined(source: History, end: int, at: int) -> History:
    cells = {**source.cells, (end, at): Cell(figure(float("nan")))}
    return replace(source, cells=cells)


def test_a_batch_counts_only_where_every_model_has_a_figure() -> None:
    assert FULL.judged == (2, 3, 4, 5, 6, 7)
    assert undefined(FULL, 1, 4).judged == (2, 3, 5, 6, 7)
    assert undefined(FULL, 3, 4).judged == (2, 3, 5, 6, 7)
    assert history(8, unlabelled=(5,)).judged == (2, 3, 4, 6, 7)


def test_naive_means_are_over_the_judged_batches() -> None:
    values = (9.0, 9.0, 1.0, 2.0, 3.0, 9.0, 4.0, 5.0)
    gap = replace(history(8, unlabelled=(5,)), naive={"last value": values})
    assert gap.naive_means() == {"last value": 3.0}


def test_it_is_told_in_json() -> None:
    told = json.loads(json.dumps(FULL.to_dict(), allow_nan=False))
    assert told["batches"][2]["name"] == "month-2"
    assert told["naive"]["majority"] == {"values": [None, None, *[0.5] * 6], "mean": 0.5}
    assert [fit["end"] for fit in told["fits"]] == [1, 2, 3, 4, 5, 6]
