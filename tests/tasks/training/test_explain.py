"""Explaining a version never ends its training."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.logging import disable_run_logger

from tasks.errors import DataError, StoreUnavailable
from tasks.training.cards import describe_insight
from tasks.training.task import explain


class Broken:
    """A training whose rows cannot be had any more; it counts how often they were asked for."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked = 0
        self.key = "key"

    @property
    def model(self) -> bytes:
        return b"model"

    @property
    def best(self) -> Any:
        return self

    contender = best

    def compute_once(self, step: str, write: str, compute: Any, key: str | None = None) -> Any:
        self.asked += 1
        assert (step, write) == ("explanation.json", "train.explained")
        raise self.error


@pytest.mark.parametrize("error", [DataError("rows", "are there", "none"), MemoryError("full")])
def test_a_failure_is_said_in_the_card(error: Exception) -> None:
    broken: Any = Broken(error)
    with disable_run_logger():
        found = explain.fn(broken, broken, broken)
    assert broken.asked == 1
    assert found.overview is None
    assert type(error).__name__ in found.failure
    assert found.failure in describe_insight(found)["looked"]
    assert not found.images


def test_a_store_that_is_away_is_tried_again_and_not_swallowed() -> None:
    broken: Any = Broken(StoreUnavailable("store", "it answers", "nothing"))
    with disable_run_logger(), pytest.raises(StoreUnavailable):
        explain.fn(broken, broken, broken)
    assert explain.retries == 3
