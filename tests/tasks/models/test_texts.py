"""Free text through every family: the same answers fitted, exported, row by row and in bulk."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.features.prepare import Prepared
from tasks.features.schema import Columns
from tasks.features.terms import words
from tasks.models.bulk import BulkModel
from tasks.models.encoders import Encoders
from tasks.models.export import to_onnx
from tasks.models.families import FAMILIES
from tasks.models.keeping import keep, load_attribution
from tasks.models.runtime import OnnxModel, RowModel
from tasks.models.warm_start import continue_fit, read_warm_start
from tests.tasks.models.conftest import TASKS

COLUMNS = Columns(("weight",), ("shop",), ("note", "summary"))
STEMS = ("arrived", "late", "damaged", "fine", "box", "thanks", "never", "Straße", "again")


def rows(count: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    notes = [" ".join(draw.choice(STEMS, 6)) for _ in range(count)]
    long = [f"{note} n{draw.integers(0, 90)} m{draw.integers(0, 90)}" for note in notes]
    long[::9], long[1] = [None] * len(long[::9]), "?!"  # type: ignore[list-item]
    return pd.DataFrame(
        {
            "weight": draw.normal(size=count).astype(np.float32),
            "shop": draw.choice(["x", "y"], count),
            "note": [*map(words, notes)],
            "summary": [*map(words, long)],
        }
    )


def targets(frame: pd.DataFrame, task: str) -> np.ndarray:
    score = frame["note"].str.contains("late").astype(int) + frame["note"].str.contains("damaged")
    if task == "regression":
        return score.to_numpy() * 5.0 + frame["weight"].to_numpy(np.float64)
    return np.minimum(score.to_numpy(), 1 if task == "binary" else 2)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_way_gives_the_same_answers(family: str, task: str) -> None:
    frame, ask = rows(400, 1), rows(300, 2)
    ask.loc[3, ["note", "summary"]] = ["words nobody knows", "_"]
    model = FAMILIES[family].build({}, COLUMNS, task, 7).fit(frame, targets(frame, task))
    data = to_onnx(model, COLUMNS, task)
    assert data == to_onnx(model, COLUMNS, task)
    answers = OnnxModel(data).predict(ask)
    assert np.allclose(model.answers(ask), answers, atol=1e-6, rtol=1e-6)
    by_row = RowModel(data)
    numbers, texts = by_row.to_lists(ask)
    shape = answers.shape
    assert np.array_equal(by_row.answers(numbers, texts).reshape(shape), answers)
    single = [by_row.answers([n], [t]) for n, t in zip(numbers, texts, strict=True)]
    # BLAS adds up in another order for one row than for many
    assert np.allclose(np.concatenate(single).reshape(shape), answers, atol=1e-7, rtol=1e-9)
    assert np.allclose(BulkModel(data).predict(Prepared.of(ask)), answers, atol=1e-6)
    truth = targets(ask, task)
    if task == "binary":
        assert ((answers[:, 1] > 0.5) == truth).mean() > 0.9


@pytest.mark.parametrize("family", ["linear", "extra_trees", "lightgbm"])
def test_what_words_add_is_added_up_to_the_answer(family: str) -> None:
    frame = rows(400, 1)
    model = FAMILIES[family].build({}, COLUMNS, "regression", 7)
    model.fit(frame, targets(frame, "regression"))
    encoders = Encoders.from_bytes(keep(model)["encoders.json"])
    attribution = load_attribution(keep(model), encoders)
    assert attribution is not None
    encoded = np.concatenate([block.encode(frame) for block in encoders.blocks], axis=1)
    found = attribution.attribute(encoded, np.zeros(len(frame), np.int64))
    assert np.allclose(found.base + found.values.sum(axis=1), model.predict(frame), rtol=1e-4)


def test_a_kept_model_with_words_is_fitted_further() -> None:
    frame, newer = rows(400, 1), rows(100, 5)
    model = (
        FAMILIES["lightgbm"].build({}, COLUMNS, "binary", 7).fit(frame, targets(frame, "binary"))
    )
    start = read_warm_start("lightgbm", keep(model), 400, "2024-01-01")
    again = FAMILIES["lightgbm"].build({}, COLUMNS, "binary", 7)
    continue_fit(again, start, newer, targets(newer, "binary"))
    answers = OnnxModel(to_onnx(again, COLUMNS, "binary")).predict(newer)
    assert np.allclose(again.predict_proba(newer), answers, atol=1e-6)
