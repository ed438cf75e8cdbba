"""A fitted challenger: what is told of it, and how it comes back from a step's result."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tasks.errors import IntegrityError
from tasks.models.families import FAMILIES
from tasks.models.runtime import OnnxModel
from tasks.models.setting import Setting
from tasks.promotion.golden import MOST
from tasks.records import plain, read
from tasks.training.contender import Contender, build_contender
from tests import served


@pytest.fixture(scope="module", params=["linear", "lightgbm"])
def contender(request: pytest.FixtureRequest) -> Contender:
    """Fit the defaults of a family on two thousand rows."""
    made = served.fitted(family=request.param)
    times = np.array(made.frame["at"], dtype="datetime64[us]")
    y = made.frame["late"].to_numpy()
    setting = Setting.of(request.param, FAMILIES[request.param].defaults)
    return build_contender(setting, made.pipeline, made.schema, made.prepared, y, times)


def test_its_export_answers_as_it_does_and_in_time(contender: Contender) -> None:
    assert contender.difference < 1e-6
    assert 0 < contender.latency < 1
    assert contender.rows == 2000
    assert contender.fitted_from < contender.fitted_until
    answers = OnnxModel(contender.model).predict(contender.golden.frame())
    np.testing.assert_array_equal(contender.golden.answers, answers)


def test_its_golden_rows_are_made_and_answered(contender: Contender) -> None:
    made = served.fitted()
    golden = contender.golden.frame()
    assert len(golden) == MOST
    assert np.isfinite(contender.golden.answers).all()
    real = set(map(tuple, made.prepared.astype(object).to_numpy().tolist()))
    assert not real & set(map(tuple, golden.astype(object).to_numpy().tolist()))
    # the model tells them apart, so that another model gives other answers
    assert len(np.unique(contender.golden.answers[:, 0].round(6))) > MOST / 2


def test_a_steps_result_brings_it_back_whole(contender: Contender) -> None:
    document = plain(replace(contender, files={}))
    content = json.loads(json.dumps(document, allow_nan=False))
    assert not content["files"]
    assert replace(read(Contender, content, "fitted"), files=contender.files) == contender


def test_a_result_that_lacks_something_is_named(contender: Contender) -> None:
    content = plain(replace(contender, files={}))
    del content["setting"]["family"]
    with pytest.raises(IntegrityError, match=r"`family` - at `\$\.setting`"):
        read(Contender, content, "fitted")
