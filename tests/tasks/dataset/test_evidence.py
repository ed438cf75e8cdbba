"""Few rows are judged out of fold, each by a model of others; what cannot be judged is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.config import Pipeline
from tasks.dataset.dataset import Dataset, build_dataset
from tasks.dataset.evidence import REPEATS, K, cross_validate, describe_split
from tasks.errors import DataError
from tasks.evaluation.bootstrap import Sampling, interval
from tasks.evaluation.metrics import METRICS


def pipeline(**changes: object) -> Pipeline:
    given = {"name": "iris", "task": "multiclass", "target": "kind", "event_time": "at"}
    return Pipeline.model_validate({**given, **changes})


def rows(count: int = 344, rare: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(5)
    half = (count - rare) // 2
    kind = np.repeat(["a", "b", "c"], [half, count - rare - half, rare])
    return pd.DataFrame(
        {
            "at": pd.date_range("2024-01-01", periods=count, freq="h", tz="UTC"),
            "_ingested_at": pd.Timestamp("2026-01-01", tz="UTC"),
            "size": draw.normal(size=count),
            "kind": draw.permutation(kind),
        }
    )


def times_judged(made: Dataset) -> np.ndarray:
    return np.bincount(
        np.concatenate([fold.judge for fold in made.split.folds]), minlength=len(made.y)
    )


def test_every_exchangeable_row_is_judged_as_often_by_models_of_others() -> None:
    made = build_dataset(rows(), pipeline(event_time=None))
    assert made.split.evidence == "cross-validation"
    assert made.split.training.all()
    assert (times_judged(made) == REPEATS).all()
    assert made.split.judged.tolist() == np.repeat(np.arange(len(made.y)), REPEATS).tolist()
    first, again = (made.split.folds[place].judge.tolist() for place in (0, K))
    assert first != again
    for fold in made.split.folds:
        assert not set(fold.fit) & set(fold.judge)
        assert len(fold.fit) + len(fold.judge) == len(made.y)


def test_each_fold_has_its_share_of_each_class() -> None:
    made = build_dataset(rows(), pipeline(event_time=None))
    counts = np.array([np.bincount(made.y[fold.judge], minlength=3) for fold in made.split.folds])
    assert (np.ptp(counts, axis=0) <= 1).all()


def test_with_a_time_each_row_but_the_first_is_judged_once_by_earlier_ones() -> None:
    made = build_dataset(rows(), pipeline())
    assert times_judged(made).tolist() == made.split.holdout.astype(int).tolist()
    assert not made.split.holdout[0]
    assert 0.8 < made.split.holdout.mean() < 0.9
    for fold in made.split.folds:
        assert made.times[fold.fit].max() < made.times[fold.judge].min()


@pytest.mark.parametrize("event_time", ["at", None])
def test_the_choice_is_the_holdouts_rows_or_the_files(event_time: str | None) -> None:
    def evidence(count: int, **training: object) -> str:
        file = pipeline(event_time=event_time, training=training)
        return build_dataset(rows(count, 100), file).split.evidence

    held_out = "latest rows" if event_time else "random holdout"
    assert evidence(400) == "cross-validation"
    assert evidence(2000) == held_out
    assert evidence(400, evidence="holdout") == held_out
    assert evidence(2000, evidence="cross_validation") == "cross-validation"


def test_a_fold_before_which_one_class_came_judges_nothing() -> None:
    frame = rows().assign(kind=["a"] * 100 + ["b", "a"] * 122)
    made = build_dataset(frame, pipeline())
    assert len(made.split.folds) == 4
    assert all(len(np.unique(made.y[fold.fit])) == 2 for fold in made.split.folds)


@pytest.mark.parametrize("event_time", ["at", None])
@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (rows(40, 10), "at least 50 rows have a target; got 40. Ingest more"),
        (rows().assign(kind="a"), "two classes or more; got only .'a'.. Wait for rows of another"),
        (
            rows().assign(kind=["a"] * 337 + ["b"] * 7),
            "two of them have at least 10 rows; got a: 337, b: 7. Ingest more",
        ),
    ],
    ids=["forty rows", "one class", "a class of seven"],
)
def test_what_cannot_be_judged_is_refused_with_the_remedy(
    event_time: str | None, frame: pd.DataFrame, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        build_dataset(frame, pipeline(event_time=event_time))


def test_classes_that_follow_each_other_in_time_are_refused() -> None:
    frame = rows().assign(kind=["a"] * 300 + ["b"] * 44)
    with pytest.raises(DataError, match="without `event_time` rows have no order"):
        build_dataset(frame, pipeline())
    assert build_dataset(frame, pipeline(event_time=None)).split.folds


def centroids(x: np.ndarray, y: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the class of the nearest mean, learned from (x, y)."""
    means = np.stack([x[y == label].mean(axis=0) for label in (0, 1)])
    found: np.ndarray = ((seen[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    return found


@pytest.mark.parametrize("by_time", [False, True])
def test_widened_intervals_cover_what_a_model_of_all_rows_does_and_plain_ones_do_not(
    by_time: bool,
) -> None:
    draw, metric, simulations = np.random.default_rng(1), METRICS["accuracy"], 150
    hits = {"widened": 0, "plain": 0}
    for number in range(simulations):
        y = draw.permutation(np.arange(60) % 2)
        x = draw.normal(size=(60, 8)) + 0.35 * y[:, None]
        # 4,000 rows tell what the model fitted on all 60 does
        new = np.arange(4_000) % 2
        truth = (centroids(x, y, draw.normal(size=(4_000, 8)) + 0.35 * new[:, None]) == new).mean()
        file = pipeline(task="binary", event_time="at" if by_time else None)
        times = np.arange(60).astype("datetime64[h]").astype("datetime64[us]")
        hashes = None if by_time else draw.integers(0, 2**63, 60).astype(np.uint64)
        parts = cross_validate(times, hashes, y, (0, 1), file)
        places = np.concatenate([fold.judge for fold in parts.folds])
        said = [centroids(x[fold.fit], y[fold.fit], x[fold.judge]) for fold in parts.folds]
        answers = np.eye(2)[np.concatenate(said)[np.argsort(places, kind="stable")]]
        for name, wider in (("widened", describe_split(parts).widening), ("plain", 1.0)):
            sampling = Sampling(0.9, number, 100, wider, parts.repeats)
            found = interval(metric, y[parts.judged], answers, sampling)
            hits[name] += found.low <= truth <= found.high
    assert hits["widened"] >= 0.9 * simulations
    assert hits["plain"] < 0.9 * simulations
