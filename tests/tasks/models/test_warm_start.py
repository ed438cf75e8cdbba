"""A warm start, as a later training makes it: from files alone."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.errors import DataError, IntegrityError
from tasks.models.export import to_onnx
from tasks.models.families import FAMILIES
from tasks.models.importance import column_importances
from tasks.models.keeping import keep
from tasks.models.model import Model
from tasks.models.runtime import OnnxModel
from tasks.models.warm_start import ENCODERS, can_start, continue_fit, read_warm_start
from tests.tasks.models.conftest import COLUMNS, TASKS, Messy

WARM = [name for name, family in FAMILIES.items() if family.warm is not None]
CASES = [(family, task) for family in WARM for task in TASKS]


MADE: dict[tuple[str, str], tuple[Model, Model]] = {}


def halves(messy: Messy, family: str, task: str) -> tuple[Model, Model]:
    """Return what `fit_halves` made first; nobody changes it."""
    if (family, task) not in MADE:
        MADE[family, task] = fit_halves(messy, family, task)
    return MADE[family, task]


def fit_halves(messy: Messy, family: str, task: str) -> tuple[Model, Model]:
    """Fit on every other row, and further with the rest."""
    rows, y = messy.fit, messy.y[task]
    first = FAMILIES[family].build({}, COLUMNS, task, 7).fit(rows[::2], y[::2])
    start = read_warm_start(family, keep(first), len(rows[::2]), "2013-01-01T00:00:00")
    unfitted = FAMILIES[family].build({}, COLUMNS, task, 7)
    return first, continue_fit(unfitted, start, rows[1::2], y[1::2])


def loss(model: Model, messy: Messy, task: str) -> float:
    """Return the mean loss on the newer half."""
    rows, y = messy.fit[1::2], messy.y[task][1::2]
    answers = model.answers(rows)
    if task == "regression":
        return float(((answers - y) ** 2).mean())
    return float(-np.log(answers[np.arange(len(y)), y] + 1e-9).mean())


@pytest.mark.parametrize(("family", "task"), CASES)
def test_it_knows_the_newer_rows_better_and_exports_as_any_model(family, task, messy) -> None:
    first, second = halves(messy, family, task)
    assert loss(second, messy, task) < loss(first, messy, task)
    answers = OnnxModel(to_onnx(second, COLUMNS, task)).predict(messy.ask)
    assert np.abs(answers - second.answers(messy.ask)).max() < 1e-6
    assert sum(column_importances(second, COLUMNS).values()) == pytest.approx(1)
    again = fit_halves(messy, family, task)[1]
    assert to_onnx(again, COLUMNS, task) == to_onnx(second, COLUMNS, task)


@pytest.mark.parametrize(("family", "task"), CASES)
def test_what_it_kept_gives_the_same_start(family, task, messy) -> None:
    first, second = halves(messy, family, task)
    start = read_warm_start(family, keep(second), 1, "")
    encoders = first.pipeline_.named_steps["encoders"]
    rows = messy.fit[list(COLUMNS.numbers) + list(COLUMNS.categories)]
    encoded = np.concatenate([block.encode(rows) for block in start.encoders.blocks], axis=1)
    np.testing.assert_array_equal(encoded, np.asarray(encoders.transform(rows), np.float32))
    assert (start.encoders.center, start.encoders.spread) == (first.center_, first.spread_)


def test_boosting_adds_trees_in_the_share_of_the_newer_rows(messy) -> None:
    first, second = halves(messy, "lightgbm", "binary")
    before, after = (
        model.pipeline_.named_steps["model"].booster_.num_trees() for model in (first, second)
    )
    assert before == FAMILIES["lightgbm"].defaults["n_estimators"]
    assert after == before + before // 2


def test_newer_rows_without_a_class_are_refused(messy) -> None:
    rows, y = messy.fit, messy.y["multiclass"]
    first, _ = halves(messy, "lightgbm", "multiclass")
    start = read_warm_start("lightgbm", keep(first), 300, "")
    unfitted = FAMILIES["lightgbm"].build({}, COLUMNS, "multiclass", 7)
    with pytest.raises(DataError, match="each of the 5 classes"):
        continue_fit(unfitted, start, rows[300:], y[300:])


def test_what_a_family_without_a_way_keeps_starts_nothing(messy) -> None:
    model = FAMILIES["linear"].build({}, COLUMNS, "binary", 7).fit(messy.fit, messy.y["binary"])
    assert not can_start("linear", keep(model))


@pytest.mark.parametrize("data", [b"", b"[]", b'{"blocks": [{}], "center": 0, "spread": 1}'])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"encoders\.json: it (is|holds) a"):
        read_warm_start("lightgbm", {ENCODERS: data, "booster.txt": b""}, 1, "")
