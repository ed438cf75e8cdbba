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


def test_every_slice_and_metric_has_a_name_of_its_own() -> None:
    """MLflow takes few signs: what would become one name is told apart, whatever the order."""
    said = {"slice town = Åre": 1.0, "slice town = Øre": 2.0, "slice town = _re": 3.0}
    said |= {"x" * 260 + "a": 4.0, "x" * 260 + "b": 5.0, "rmse": 6.0, "gone": float("nan")}
    made = records.finite_metrics(said)
    assert sorted(made.values()) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert all(name == records.allowed_name(name) for name in made)
    assert made["rmse"] == 6.0
    assert records.finite_metrics(dict(reversed(said.items()))) == made
    # told once more under the names that it has, as a run that is copied is
    assert records.finite_metrics(made) == made
    for store in (records.to_params, records.to_tags):
        assert len(store({"å": 1, "ø": 2})) == 2
