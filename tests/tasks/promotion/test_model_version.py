"""A version with its files: three ways to answer, each made when it is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.errors import DataError, IntegrityError
from tasks.promotion.model_version import ModelVersion
from tests.served import Fitted, fitted, manifest_of


def version_of(made: Fitted) -> ModelVersion:
    return ModelVersion(manifest_of(made, "flights", 1, "key"), made.files)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_all_ways_answer_alike_from_the_rows_as_they_came(task: str) -> None:
    made = fitted(task, trees=50)
    version = version_of(made)
    expected = version.predict(made.frame)
    np.testing.assert_allclose(version.predict_many(made.frame, compared=True), expected, rtol=1e-6)
    numbers, texts = version.by_row.to_lists(made.prepared)
    single = version.by_row.answers(numbers, texts)
    np.testing.assert_array_equal(single, expected.reshape(len(single), -1))


def test_nothing_is_made_before_it_is_asked_for() -> None:
    version = version_of(fitted(trees=50))
    assert set(vars(version)) == {"manifest", "files"}
    assert version.setting.family == "lightgbm"
    assert version.by_row is version.by_row
    assert set(vars(version)) == {"manifest", "files", "by_row"}


@pytest.mark.parametrize("way", ["bulk", "by_row"])
def test_a_way_that_gives_other_answers_is_refused(way: str) -> None:
    made, other = fitted(trees=50), fitted(trees=60)
    right = version_of(made)
    wrong = ModelVersion(right.manifest, {**right.files, "model.onnx": other.files["model.onnx"]})
    # frames go through the right model, as they did when the version was loaded
    vars(wrong)["model"] = right.model
    with pytest.raises(IntegrityError, match="golden rows"):
        getattr(wrong, way)


def test_a_feature_that_is_no_column_is_named_unless_a_transform_may_make_it() -> None:
    version = version_of(fitted(trees=50))
    columns = set(fitted(trees=50).frame) - {"n3", "carrier"}
    with pytest.raises(DataError, match="no carrier, n3"):
        version.require(columns)
    lineage = replace(version.manifest.lineage, transform="tests.transforms:add_one")
    free = ModelVersion(replace(version.manifest, lineage=lineage), version.files)
    vars(free)["transform"] = lambda frame: frame
    free.require(columns)
