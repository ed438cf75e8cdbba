"""Many rows at once are answered as ONNX Runtime answers them, by every family, for every task."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tasks.errors import DataError, IntegrityError
from tasks.features.prepare import Prepared
from tasks.models.anatomy import dissect
from tasks.models.bitvectors import MOST_LEAVES, Bitvectors
from tasks.models.bulk import BulkModel
from tasks.models.export import to_onnx
from tasks.models.families import FAMILIES
from tasks.models.runtime import OnnxModel
from tasks.models.trees import Tree
from tests.tasks.models.conftest import COLUMNS, TASKS

CLOSE = 1e-6
CASES = [(family, task) for family in FAMILIES for task in TASKS]
FEW = {"n_estimators": 60, "min_child_samples": 10}


@pytest.mark.parametrize(("family", "task"), CASES)
def test_every_family_answers_alike(messy, family, task) -> None:
    data = messy.exported(family, task)
    expected = OnnxModel(data).predict(messy.ask)
    made = BulkModel(data).predict(Prepared.of(messy.ask))
    assert made.shape == expected.shape
    scale = np.abs(expected).max() if task == "regression" else 1.0
    assert np.abs(made - expected).max() <= CLOSE * scale


@pytest.mark.parametrize("leaves", [4, 15, 16, 31, 32, 63])
@pytest.mark.parametrize("task", TASKS)
def test_boosted_trees_of_every_width_are_not_walked(messy, task, leaves) -> None:
    model = FAMILIES["lightgbm"].build({**FEW, "num_leaves": leaves}, COLUMNS, task, 7)
    data = to_onnx(model.fit(messy.fit, messy.y[task]), COLUMNS, task)
    parts = dissect(data)
    assert parts.back is not None
    assert Bitvectors.of(parts.trees, parts.outputs) is not None
    expected = OnnxModel(data).predict(messy.ask)
    made = BulkModel(data).predict(Prepared.of(messy.ask))
    scale = np.abs(expected).max() if task == "regression" else 1.0
    assert np.abs(made - expected).max() <= CLOSE * scale


def random_tree(draw: np.random.Generator, leaves: int, output: int) -> Tree:
    """Grow a tree by splitting leaves at random; thresholds are few, so that values meet them."""
    left, right = [-1], [-1]
    for _ in range(leaves - 1):
        node = int(draw.choice([i for i, side in enumerate(left) if side < 0]))
        left[node], right[node] = len(left), len(left) + 1
        left += [-1, -1]
        right += [-1, -1]
    count = len(left)
    return Tree(
        draw.integers(0, 5, count),
        draw.integers(-3, 4, count).astype(np.float32),
        np.array(left),
        np.array(right),
        draw.random(count) < 0.5,
        draw.normal(size=(count, 1)),
        output,
    )


def walked(tree: Tree, row: np.ndarray) -> float:
    node = 0
    while tree.left[node] >= 0:
        value = row[tree.feature[node]]
        goes_left = tree.missing_left[node] if np.isnan(value) else value <= tree.threshold[node]
        node = (tree.left if goes_left else tree.right)[node]
    return float(tree.values[node, 0])


@pytest.mark.parametrize("most", [1, 2, 16, 17, 33, 64])
def test_the_leaf_is_the_one_a_walk_ends_in(most) -> None:
    draw = np.random.default_rng(most)
    trees = [random_tree(draw, int(draw.integers(1, most + 1)), i % 3) for i in range(40)]
    trees.append(random_tree(draw, most, 0))
    rows = draw.integers(-4, 5, (300, 5)).astype(np.float32)
    rows[draw.random(rows.shape) < 0.2] = np.nan
    expected = np.zeros((300, 3))
    for tree in trees:
        expected[:, tree.output] += [walked(tree, row) for row in rows]
    made = Bitvectors.of(trees, 3)
    assert made is not None
    np.testing.assert_allclose(made.sums(rows), expected, rtol=1e-12, atol=1e-12)
    assert made.sums(rows[:0]).shape == (0, 3)


def test_trees_with_more_leaves_stay_in_onnx_runtime() -> None:
    large = random_tree(np.random.default_rng(0), MOST_LEAVES + 1, 0)
    assert Bitvectors.of([large], 1) is None


def test_threads_share_one_model(messy) -> None:
    model, rows = BulkModel(messy.exported("lightgbm", "binary")), Prepared.of(messy.ask)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: model.predict(rows), range(12)))
    assert all((answer == answers[0]).all() for answer in answers)


def test_what_is_no_model_of_ours_and_an_absent_column_are_refused(messy) -> None:
    data = messy.exported("linear", "binary")
    with pytest.raises(IntegrityError, match=r"model\.onnx"):
        BulkModel(data[: len(data) // 2])
    with pytest.raises(DataError, match="few"):
        BulkModel(data).predict(Prepared.of(messy.ask.drop(columns="few")))
