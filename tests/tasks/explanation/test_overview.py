"""A model as a whole: what shuffling costs, and the tree that imitates it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.evaluation.metrics import METRICS
from tasks.explanation.overview import Overview, permutation_losses, shares
from tasks.explanation.surrogate import fit_surrogate
from tasks.features.schema import Columns
from tasks.records import plain, read

COLUMNS = Columns(("at_hour", "at_weekday", "noise", "gap"), ("colour",))
ORIGINS = {"at_hour": "at", "at_weekday": "at", "noise": "noise", "gap": "gap", "colour": "colour"}


def rows(count: int = 1000) -> pd.DataFrame:
    draw = np.random.default_rng(8)
    frame = pd.DataFrame(draw.normal(size=(count, 4)), columns=list(COLUMNS.numbers))
    frame.loc[::3, "gap"] = np.nan
    return frame.assign(colour=draw.choice(["red", "blue", "__missing__"], count))


def chance(asked: Mapping[str, Any] | pd.DataFrame) -> np.ndarray:
    """Answer by the hour and the colour alone."""
    lean = 2 * np.asarray(asked["at_hour"]) + 3 * (np.asarray(asked["colour"]) == "red") - 1
    share = 1 / (1 + np.exp(-lean))
    return np.column_stack([1 - share, share])


@pytest.mark.parametrize(
    ("metric", "scale"), [("roc_auc", 0.05), ("log_loss", 0.1), ("brier", 0.02)]
)
def test_shuffling_costs_only_what_the_model_uses(metric: str, scale: float) -> None:
    frame = rows()
    y = (np.random.default_rng(1).random(len(frame)) < chance(frame)[:, 1]).astype(int)
    lost = permutation_losses(chance, frame, y, METRICS[metric], ORIGINS, rounds=3, seed=7)
    assert list(lost) == ["at", "noise", "gap", "colour"]
    assert lost["noise"] == lost["gap"] == (0.0, 0.0)
    assert lost["at"][0] > scale
    assert lost["colour"][0] > scale
    assert 0 < lost["at"][1] < lost["at"][0]
    again = permutation_losses(chance, frame, y, METRICS[metric], ORIGINS, rounds=3, seed=7)
    assert again == lost


def test_what_a_time_was_unfolded_to_is_shuffled_together() -> None:
    frame = rows()
    frame["at_weekday"] = frame["at_hour"]

    def same(asked: Mapping[str, Any]) -> np.ndarray:
        """Fail unless both parts of a time are still of one row."""
        assert (asked["at_weekday"] == asked["at_hour"]).all()
        return chance(asked)

    y = np.arange(len(frame)) % 2
    assert (
        len(permutation_losses(same, frame, y, METRICS["roc_auc"], ORIGINS, rounds=1, seed=7)) == 4
    )


def test_a_metric_that_is_undefined_costs_nothing() -> None:
    frame = rows(50)
    lost = permutation_losses(
        chance, frame, np.zeros(50, int), METRICS["roc_auc"], ORIGINS, rounds=1, seed=7
    )
    assert set(lost.values()) == {(0.0, 0.0)}


def test_the_tree_finds_the_rules_and_says_how_faithful_it_is() -> None:
    frame = rows(2000)

    def simple(asked: pd.DataFrame) -> np.ndarray:
        share = np.where(asked["gap"].isna(), 0.9, np.where(asked["colour"] == "red", 0.5, 0.1))
        return np.column_stack([1 - share, share])

    tree = fit_surrogate(frame, COLUMNS, simple(frame), (0, 1))
    assert tree.measure == "R²"
    assert tree.fidelity > 0.99
    assert sum(leaf.rows for leaf in tree.leaves) == len(frame)
    by_answer = {leaf.answer: " and ".join(leaf.conditions) for leaf in tree.leaves}
    assert set(by_answer) == {"90%", "50%", "10%"}
    assert "colour is red" in by_answer["50%"]
    assert "not (colour is red)" in by_answer["10%"]
    noise = np.random.default_rng(2).random(2000)
    worse = fit_surrogate(frame, COLUMNS, np.column_stack([1 - noise, noise]), (0, 1))
    assert worse.fidelity < 0.1


def test_a_later_bound_of_a_column_takes_the_place_of_an_earlier() -> None:
    frame = rows(2000)
    steps = np.digitize(frame["noise"], [-1.0, 0.0, 1.0]).astype(float)
    tree = fit_surrogate(frame, COLUMNS, steps, ())
    assert tree.fidelity > 0.99
    conditions = {leaf.answer: leaf.conditions for leaf in tree.leaves}
    assert set(conditions) == {"0", "1", "2", "3"}
    assert len(conditions["0"]) == len(conditions["3"]) == 1
    assert len(conditions["1"]) == len(conditions["2"]) == 2


def test_of_several_classes_fidelity_is_the_share_of_the_same_class() -> None:
    frame = rows()
    place = np.digitize(frame["noise"], [-0.5, 0.5])
    tree = fit_surrogate(frame, COLUMNS, np.eye(3)[place], ("low", "middle", "high"))
    assert tree.measure == "the same class"
    assert tree.fidelity > 0.98
    assert {leaf.answer for leaf in tree.leaves} == {"low", "middle", "high"}


def test_an_overview_is_strict_json_and_is_read_back() -> None:
    frame = rows(200)
    values = np.random.default_rng(3).normal(size=(200, 4))
    raw = ("at", "noise", "gap", "colour")
    found = Overview(
        method="tree_shap",
        scale="log-odds",
        of="late",
        rows=200,
        metric="roc_auc",
        shuffled=200,
        columns=shares(raw, values, dict.fromkeys(raw, (0.1, 0.01))),
        surrogate=fit_surrogate(frame, COLUMNS, frame["noise"].to_numpy(), ()),
    )
    document = json.loads(json.dumps(plain(found), allow_nan=False))
    assert read(Overview, document, "overview") == found
