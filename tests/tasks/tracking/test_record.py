"""What a run record holds, before MLflow sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tasks.errors import DataError
from tasks.tracking import record as records
from tests.tasks.tracking.values import STARTED, record


def test_trials_follow_one_another_from_the_start() -> None:
    spans = record("k").spans()
    assert spans[0] == (STARTED, STARTED + timedelta(seconds=1.5))
    assert spans[2][1] == STARTED + timedelta(seconds=4.5)


@pytest.mark.parametrize("path", ["/etc/passwd", "../up.md", "a/../../b", "", "a\\b"])
def test_an_artifact_stays_in_its_folder(path: str) -> None:
    with pytest.raises(DataError, match="stays in the run's folder"):
        replace(record("k"), texts={path: "x"})


@pytest.mark.parametrize("key", ["", "a' or 'b", "x" * 251])
def test_the_key_is_a_digest(key: str) -> None:
    with pytest.raises(DataError, match="digest"):
        record(key)


def test_long_values_are_bounded() -> None:
    assert len(records.to_params({"a": "x" * 10_000})["a"]) == records.PARAM_LIMIT
    assert len(records.to_tags({"a": "x" * 10_000})["a"]) == records.TAG_LIMIT
