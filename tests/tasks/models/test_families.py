"""The contract of every registered family, for every task."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import optuna
import pytest

from tasks.config import FAMILIES as NAMES
from tasks.errors import ConfigurationError, DataError
from tasks.models.attribution import Method
from tasks.models.encoders import ENCODERS, Encoders
from tasks.models.export import to_onnx
from tasks.models.families import FAMILIES
from tasks.models.importance import column_importances
from tasks.models.keeping import keep, load_attribution
from tasks.models.runtime import OnnxModel
from tasks.models.warm_start import can_start
from tests.tasks.models.conftest import COLUMNS, TASKS

CASES = [(family, task) for family in FAMILIES for task in TASKS]


@dataclass(frozen=True)
class Case:
    """What is agreed of a family: the file of its state, and what can be made of it."""

    state: str
    warm: bool
    method: Method | None


AGREED = {
    "linear": Case("linear.json", warm=False, method="linear_shap"),
    "random_forest": Case("forest.npz", warm=False, method="tree_shap"),
    "extra_trees": Case("forest.npz", warm=False, method="tree_shap"),
    "lightgbm": Case("booster.txt", warm=True, method="tree_shap"),
    "mlp": Case("network.json", warm=True, method=None),
}


def test_the_families_are_those_a_pipeline_file_may_name() -> None:
    assert tuple(FAMILIES) == NAMES


def test_every_family_has_its_case_and_every_case_its_family() -> None:
    assert list(AGREED) == list(FAMILIES)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_kept_warms_and_explains_as_agreed(family, task, messy) -> None:
    agreed, files = AGREED[family], keep(messy.fitted(family, task))
    assert set(files) == {ENCODERS, agreed.state}
    assert can_start(family, files) is agreed.warm
    attribution = load_attribution(files, Encoders.from_bytes(files[ENCODERS]))
    assert (None if attribution is None else attribution.method) == agreed.method


@pytest.mark.parametrize(("family", "task"), CASES)
def test_the_export_answers_every_row_as_the_fitted_model(family, task, messy) -> None:
    model = messy.fitted(family, task)
    answers = OnnxModel(messy.exported(family, task)).predict(messy.ask)
    expected = model.answers(messy.ask)
    assert answers.shape == expected.shape
    assert np.isfinite(answers).all()
    assert np.abs(answers - expected).max() < (1e-6 if task != "regression" else 1e-7)
    if task != "regression":
        assert np.abs(answers.sum(axis=1) - 1).max() < 1e-5


@pytest.mark.parametrize(("family", "task"), CASES)
def test_it_learns_something(family, task, messy) -> None:
    answers = messy.fitted(family, task).answers(messy.fit)
    y = messy.y[task]
    if task == "regression":
        assert np.corrcoef(answers, y)[0, 1] > 0.4
    else:
        assert (answers.argmax(axis=1) == y).mean() > np.bincount(y).max() / len(y)


@pytest.mark.parametrize(("family", "task"), CASES)
def test_the_same_seed_gives_the_same_bytes(family, task, messy) -> None:
    first = messy.exported(family, task)
    again = FAMILIES[family].build({}, COLUMNS, task, 7).fit(messy.fit, messy.y[task])
    assert to_onnx(again, COLUMNS, task) == first
    assert len(first) < 2**21


@pytest.mark.parametrize(("family", "task"), CASES)
def test_importances_are_shares_of_the_columns(family, task, messy) -> None:
    shares = column_importances(messy.fitted(family, task), COLUMNS)
    assert set(shares) == {*COLUMNS.numbers, *COLUMNS.categories}
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) >= 0
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    informative = {"never missing", "few", "many", "amount", "large é"}
    assert next(iter(shares)) in informative
    assert shares["no value"] < 0.05
    assert shares["constant"] < 0.01
    assert shares["one level"] < 0.1  # its encoding differs a little between the folds


@pytest.mark.parametrize("family", FAMILIES)
def test_defaults_and_grid_lie_in_the_search_space(family) -> None:
    known = FAMILIES[family]
    assert set(known.defaults) == set(known.space)
    for name, dimension in known.space.items():
        assert dimension.holds(dimension.default)
        assert all(dimension.holds(value) for value in dimension.grid)
        assert type(dimension.default) is type(dimension.grid[0]), name


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_trial_suggests_can_be_built_and_enqueued(family) -> None:
    known = FAMILIES[family]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.enqueue_trial(known.trial_params(known.defaults))
    suggested = [known.suggest(study.ask()) for _ in range(20)]
    assert suggested[0] == known.defaults
    for params in (*suggested, *known.settings()):
        known.build(params, COLUMNS, "binary", 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_corners_of_the_space_export_alike(family, messy) -> None:
    known = FAMILIES[family]
    small = messy.fit.head(120), messy.y["binary"][:120]
    for corner in ("low", "high"):
        params = {
            name: getattr(dimension, corner)
            if dimension.low is not None
            else dimension.grid[0 if corner == "low" else -1]
            for name, dimension in known.space.items()
        }
        model = known.build(params, COLUMNS, "binary", 7).fit(*small)
        answers = OnnxModel(to_onnx(model, COLUMNS, "binary")).predict(messy.ask)
        assert np.abs(answers - model.answers(messy.ask)).max() < 1e-5


@pytest.mark.parametrize("penalty", ["l1", "elasticnet"])
@pytest.mark.parametrize("task", TASKS)
def test_a_sparse_penalty_sets_coefficients_to_zero(penalty, task, messy) -> None:
    params = {"penalty": penalty, "alpha": 0.05}
    model = FAMILIES["linear"].build(params, COLUMNS, task, 7).fit(messy.fit, messy.y[task])
    assert (model.pipeline_.named_steps["model"].coef_ == 0).any()


def test_the_number_of_threads_does_not_change_lightgbm(messy) -> None:
    model = FAMILIES["lightgbm"].build({}, COLUMNS, "binary", 7).fit(messy.fit, messy.y["binary"])
    encoded = model.pipeline_[:-1].transform(messy.fit)
    estimator = model.pipeline_.named_steps["model"].set_params(n_estimators=5)
    answers = [
        estimator.set_params(n_jobs=threads).fit(encoded, messy.y["binary"]).predict_proba(encoded)
        for threads in (1, 2)
    ]
    assert (answers[0] == answers[1]).all()


def test_a_class_that_was_not_learned_has_probability_zero_and_is_not_exported(messy) -> None:
    gap = messy.y["binary"] * 2
    model = FAMILIES["linear"].build({}, COLUMNS, "multiclass", 7).fit(messy.fit, gap)
    answers = model.answers(messy.ask, classes=4)
    assert answers.shape == (len(messy.ask), 4)
    assert (answers[:, [1, 3]] == 0).all()
    with pytest.raises(DataError, match="hold every class"):
        to_onnx(model, COLUMNS, "multiclass")


def test_numbers_alone_and_categories_alone_are_enough(messy) -> None:
    rows, y = messy.fit.head(100), messy.y["binary"][:100]
    for columns in (COLUMNS._replace(categories=()), COLUMNS._replace(numbers=())):
        for family in ("linear", "lightgbm"):
            model = FAMILIES[family].build({}, columns, "binary", 7).fit(rows, y)
            answers = OnnxModel(to_onnx(model, columns, "binary")).predict(messy.ask)
            assert np.abs(answers - model.answers(messy.ask)).max() < 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_very_few_rows_of_many_classes_are_learned_from(family, messy) -> None:
    y = np.arange(30) % 7
    model = FAMILIES[family].build({}, COLUMNS, "multiclass", 7).fit(messy.fit.head(30), y)
    answers = OnnxModel(to_onnx(model, COLUMNS, "multiclass")).predict(messy.ask)
    assert np.abs(answers - model.answers(messy.ask)).max() < 1e-5


def test_a_solver_that_stops_at_its_bound_does_not_warn(messy) -> None:
    params = {"width": 96, "learning_rate": 3e-4, "alpha": 1e-4}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = FAMILIES["mlp"].build(params, COLUMNS, "binary", 7)
        model.fit(messy.fit.head(60), messy.y["binary"][:60])
    solver = model.pipeline_.named_steps["model"]
    assert solver.n_iter_ == solver.max_iter


def test_refusals_name_what_is_wrong(messy) -> None:
    family = FAMILIES["lightgbm"]
    with pytest.raises(ConfigurationError, match="num_leaves"):
        family.build({"leaves": 3}, COLUMNS, "binary", 7)
    with pytest.raises(ConfigurationError, match="is of 4 to 63; got 1000"):
        family.build({"num_leaves": 1000}, COLUMNS, "binary", 7)
    with pytest.raises(ConfigurationError, match="task is of"):
        family.build({}, COLUMNS, "ranking", 7)
    model = family.build({}, COLUMNS, "binary", 7)
    with pytest.raises(DataError, match="two classes"):
        model.fit(messy.fit, np.zeros(len(messy.fit), dtype=int))
    with pytest.raises(DataError, match="at least 10 rows"):
        model.fit(messy.fit.head(3), np.array([0, 1, 0]))
