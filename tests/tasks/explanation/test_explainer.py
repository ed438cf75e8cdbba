"""Explanations of every family, from a version's files alone."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import shap

from tasks.errors import ConfigurationError, IntegrityError
from tasks.explanation.explainer import Explainer
from tasks.explanation.explanation import Explanation, inverse_link
from tasks.features.prepare import prepare
from tasks.features.schema import IS_TARGET, Columns, Feature, FeatureSchema
from tasks.models.encoders import ENCODERS, Encoders
from tasks.models.families import FAMILIES
from tasks.models.families.boosting import FILE as BOOSTER
from tasks.models.families.linear import FILE as LINEAR
from tasks.models.forest import Forest
from tasks.models.keeping import load_attribution
from tasks.models.setting import Setting
from tasks.promotion.model_version import ModelVersion
from tests.lineage import LINEAGE
from tests.tasks.explanation.conftest import version_of
from tests.tasks.models.conftest import TASKS

METHODS = {
    "linear": "linear_shap",
    "random_forest": "tree_shap",
    "extra_trees": "tree_shap",
    "lightgbm": "tree_shap",
    "mlp": "lime",
}
EXACT = [(family, task) for family in METHODS if family != "mlp" for task in TASKS]
CASES = [(family, task) for family in METHODS for task in TASKS]


def encoded(version, rows) -> np.ndarray:
    blocks = Encoders.from_bytes(version.files[ENCODERS]).blocks
    return np.concatenate([block.encode(rows) for block in blocks], axis=1)


def total(explanation: Explanation) -> float:
    added = sum(part.value for part in explanation.contributions)
    return inverse_link(explanation.scale, explanation.base + added, explanation.rest)


def test_every_family_has_a_method() -> None:
    assert set(METHODS) == set(FAMILIES)


@pytest.mark.parametrize(("family", "task"), EXACT)
def test_base_and_contributions_add_up_to_the_prediction(family, task, versions, messy) -> None:
    version = versions(family, task)
    explainer = version.explainer
    assert explainer.method == METHODS[family]
    found = explainer.explain(messy.ask)
    own = version.model.answers(messy.ask)
    if task != "regression":
        own = own[:, 1] if task == "binary" else own.max(axis=1)
    for explanation, expected in zip(found, own, strict=True):
        assert explanation.prediction == pytest.approx(expected, rel=1e-6, abs=1e-6)
        assert total(explanation) == pytest.approx(expected, rel=1e-4, abs=1e-4)
        assert explanation.fit is None
    assert len({explanation.base for explanation in found}) <= max(1, len(explainer.classes))
    assert np.ptp([explanation.contributions[0].value for explanation in found]) > 0


@pytest.mark.parametrize("family", ["linear", "lightgbm"])
def test_of_several_classes_the_softmax_of_all_their_sums_is_the_answer(
    family, versions, messy
) -> None:
    version = versions(family, "multiclass")
    attribution = load_attribution(version.files, Encoders.from_bytes(version.files[ENCODERS]))
    asked = messy.ask.head(100)
    rows = encoded(version, asked)
    every = [
        attribution.attribute(rows, np.full(len(rows), output))
        for output in range(len(version.manifest.classes))
    ]
    scores = np.stack([part.base + part.values.sum(axis=1) for part in every], axis=1)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, version.model.answers(asked), atol=1e-4)
    again = [[inverse_link("log-odds", s, r) for s, r in zip(scores[:, k], part.rest, strict=True)]
             for k, part in enumerate(every)]  # fmt: skip
    np.testing.assert_allclose(np.transpose(again), shares, atol=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_a_boosting_is_explained_as_by_shaps_tree_explainer(task, versions, messy) -> None:
    version = versions("lightgbm", task)
    booster = version.model.pipeline_.named_steps["model"].booster_
    rows = encoded(version, messy.ask.head(100))
    theirs = np.asarray(shap.TreeExplainer(booster).shap_values(rows))
    theirs = theirs if theirs.ndim == 3 else theirs[:, :, None]
    attribution = load_attribution(version.files, Encoders.from_bytes(version.files[ENCODERS]))
    spread = version.model.spread_
    for output in range(theirs.shape[2]):
        ours = attribution.attribute(rows, np.full(len(rows), output)).values / spread
        np.testing.assert_allclose(ours, theirs[:, :, output], atol=1e-6)


@pytest.mark.parametrize("family", ["random_forest", "extra_trees"])
@pytest.mark.parametrize("task", TASKS)
def test_a_forest_is_explained_as_by_shaps_tree_explainer(family, task, versions, messy) -> None:
    version = versions(family, task)
    rows = encoded(version, messy.ask).astype(np.float32)
    estimator = version.model.pipeline_.named_steps["model"]
    theirs = np.asarray(shap.TreeExplainer(estimator).shap_values(rows, check_additivity=False))
    theirs = theirs[:, :, None] if theirs.ndim == 2 else theirs
    theirs = theirs[:, :, 1:] if task == "binary" else theirs
    attribution = load_attribution(version.files, Encoders.from_bytes(version.files[ENCODERS]))
    for output in range(theirs.shape[2]):
        asked = np.full(len(rows), output)
        ours = attribution.attribute(rows, asked).values / version.model.spread_
        np.testing.assert_allclose(ours, theirs[:, :, output], atol=1e-6)


def test_the_linear_rule_is_the_coefficient_times_the_distance_from_the_mean(
    versions, messy
) -> None:
    version = versions("linear", "binary")
    estimator = version.model.pipeline_.named_steps["model"]
    rows, background = encoded(version, messy.ask), encoded(version, messy.fit)
    expected = estimator.coef_[0] * (rows - background.mean(axis=0))
    attribution = load_attribution(version.files, Encoders.from_bytes(version.files[ENCODERS]))
    ours = attribution.attribute(rows, np.zeros(len(rows), int)).values
    np.testing.assert_allclose(ours, expected, atol=1e-4)


@pytest.mark.parametrize(("family", "task"), CASES)
def test_it_is_strict_json_with_every_raw_column_once_largest_first(
    family, task, versions, messy
) -> None:
    version = versions(family, task)
    for explanation in version.explainer.explain(messy.ask.head(5)):
        document = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
        names = [part["column"] for part in document["contributions"]]
        assert sorted(names) == sorted(version.explainer.raw)
        sizes = [abs(part["value"]) for part in document["contributions"]]
        assert sizes == sorted(sizes, reverse=True)
        assert document["method"] == METHODS[family]


def test_what_a_time_was_unfolded_to_is_added_back_to_it() -> None:
    draw = np.random.default_rng(5)
    times = pd.date_range("2024-01-01", periods=600, freq="97min")
    frame = pd.DataFrame({"at": times, "colour": draw.choice(["red", "blue"], 600)})
    y = ((frame["at"].dt.hour > 12) ^ (draw.random(600) < 0.1)).to_numpy().astype(int)
    schema = FeatureSchema(
        (Feature("at", "time", ("hour", "weekday")), Feature("colour", "category")),
        {"late": IS_TARGET},
    )
    prepared = prepare(frame, schema)
    columns = Columns(("at_hour", "at_weekday"), ("colour",))
    for family in ("linear", "lightgbm"):
        model = FAMILIES[family].build({}, columns, "binary", 7).fit(prepared, y)
        version = version_of(model, family, prepared, schema, (0, 1))
        explainer = version.explainer
        assert explainer.raw == ("at", "colour")
        blocks = Encoders.from_bytes(version.files[ENCODERS])
        apart = load_attribution(version.files, blocks).attribute(
            encoded(version, prepared), np.zeros(600, int)
        )
        (one, *_) = explainer.explain(prepared.head(1), frame.head(1))
        values = {part.column: part.value for part in one.contributions}
        assert values["at"] == pytest.approx(apart.values[0, :2].sum())
        assert values["colour"] == pytest.approx(apart.values[0, 2:].sum())
        assert one.contributions[0].column == "at"
        assert one.of == "late"
        assert one.reasons[0].startswith("at is 2024-01-01 00:00: lowers the chance of late by")
        (plain,) = explainer.explain(prepared.head(1))
        assert plain.reasons[0].startswith("at is 00:00 UTC, Monday: lowers the chance of late")


@pytest.mark.parametrize("family", FAMILIES)
def test_lime_finds_the_direction_of_a_planted_effect(family) -> None:
    draw = np.random.default_rng(6)
    frame = pd.DataFrame(draw.normal(size=(800, 3)), columns=["up", "down", "idle"])
    frame = frame.astype("float32")
    y = (2 * frame["up"] - frame["down"] + 0.3 * draw.normal(size=800) > 0).to_numpy().astype(int)
    columns = Columns(("up", "down", "idle"), ())
    schema = FeatureSchema(tuple(Feature(n, "number") for n in columns.numbers), {"y": IS_TARGET})
    model = FAMILIES[family].build({}, columns, "binary", 7).fit(frame, y)
    version = version_of(model, family, frame, schema, (0, 1))
    explainer = Explainer(version.loaded, "lime")
    asked = pd.DataFrame({"up": [1.5, -1.5], "down": [-1.0, 1.0], "idle": [1.0, 1.0]})
    high, low = explainer.explain(asked.astype("float32"))
    assert high.method == low.method == "lime"
    for explanation, sign in ((high, 1), (low, -1)):
        values = {part.column: part.value for part in explanation.contributions}
        assert sign * values["up"] > 0.05
        assert sign * values["down"] > 0
        assert abs(values["idle"]) < abs(values["up"]) / 3
        assert explanation.contributions[0].column == "up"
        assert explanation.fit is not None
        assert 0.2 < explanation.fit <= 1
        assert total(explanation) == pytest.approx(explanation.prediction, abs=0.25)
    assert explainer.explain(asked.astype("float32")) == [high, low]


@pytest.mark.parametrize("family", ["random_forest", "lightgbm", "mlp"])
def test_threads_share_one_explainer(family, versions, messy) -> None:
    rows = messy.ask.head(20)
    expected = versions(family, "multiclass").explainer.explain(rows)
    fresh = versions(family, "multiclass").explainer
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: fresh.explain(rows), range(8)))
    assert all(answer == expected for answer in answers)


def test_a_row_alone_is_explained_as_among_others(versions, messy) -> None:
    explainer = versions("lightgbm", "multiclass").explainer
    together = explainer.explain(messy.ask.head(90))
    for i, among in enumerate(together):
        (alone,) = explainer.explain(messy.ask.iloc[i : i + 1])
        assert (alone.of, alone.reasons) == (among.of, among.reasons)
        values = [
            {part.column: part.value for part in explanation.contributions}
            for explanation in (alone, among)
        ]
        assert values[0] == pytest.approx(values[1], abs=1e-12)
    assert explainer.explain(messy.ask.head(0)) == []


def test_a_version_that_kept_nothing_to_explain_is_explained_by_lime(versions, messy) -> None:
    version = versions("linear", "binary")
    older = {name: data for name, data in version.files.items() if name not in (ENCODERS, LINEAR)}
    without = ModelVersion(version.manifest, older)
    assert Explainer(without).explain(messy.ask.head(1))[0].method == "lime"
    with pytest.raises(ConfigurationError, match="allow SHAP's values"):
        Explainer(without, "shap")
    del older["profile.bin"]
    with pytest.raises(IntegrityError, match=r"profile\.bin"):
        Explainer(ModelVersion(version.manifest, older))


@pytest.mark.parametrize("name", ["forest.npz", "linear.json", ENCODERS])
def test_files_that_hold_something_else_are_refused(name, versions) -> None:
    family = "extra_trees" if name == "forest.npz" else "linear"
    version = versions(family, "binary")
    whole = version.files[name]
    for data in (b"", b"[1, 2]", whole[: len(whole) // 2], b"\x80\x04\x95pickle"):
        with pytest.raises(IntegrityError, match=name.replace(".", r"\.")):
            Explainer(ModelVersion(version.manifest, {**version.files, name: data}))


def test_a_forests_file_is_the_same_bytes_and_holds_no_pickle(versions) -> None:
    version = versions("extra_trees", "multiclass")
    data = version.files["forest.npz"]
    estimator = version.model.pipeline_.named_steps["model"]
    assert Forest.of(estimator, len(version.model.classes_)).to_bytes() == data
    with np.load(BytesIO(data), allow_pickle=False) as found:
        assert found.files
        assert all(found[name].dtype != object for name in found.files)


def test_only_the_versions_files_are_needed(versions, messy) -> None:
    version = versions("lightgbm", "binary")
    assert BOOSTER in version.files
    bare = replace(version.manifest, lineage=replace(LINEAGE, setting=Setting("lightgbm", {})))
    assert Explainer(ModelVersion(bare, version.files)).explain(messy.ask.head(3))[0].contributions
