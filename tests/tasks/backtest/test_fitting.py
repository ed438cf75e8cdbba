from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.backtest.fitting import HistoryRows, MeasuredFit, Recipe, measure
from tasks.backtest.workers import map_rows, measure_all, write_rows
from tasks.config import Pipeline
from tasks.dataset.dataset import build_dataset, moments
from tasks.errors import DataError
from tasks.evaluation.metrics import METRICS
from tasks.features.prepare import prepare, prepared_columns
from tasks.models.families import FAMILIES
from tasks.tuning.trial import Setting

PIECE = 120
SETTING = Setting("linear", {"alpha": 0.01})


def pipeline(**changes: Any) -> Pipeline:
    given = {"name": "toy", "task": "binary", "target": "y", "event_time": "at", "key": ["id"]}
    training = {"evidence": "holdout", **changes.pop("training", {})}
    return Pipeline.model_validate({**given, "training": training, **changes})


def made(count: int = 6 * PIECE) -> HistoryRows:
    """Return rows in pieces whose target turns around half-way."""
    draw = np.random.default_rng(4)
    x = draw.normal(size=count).round(3)
    lean = np.where(np.arange(count) < count // 2, x, -x)
    frame = pd.DataFrame(
        {
            "id": np.arange(count),
            "at": pd.date_range("2024-01-01", periods=count, freq="h"),
            "x": x,
            "c": draw.choice(["a", "b"], count),
            "y": (lean + draw.normal(size=count) > 0).astype(float),
        }
    )
    times, place = moments(frame["at"]), np.arange(count) // PIECE
    return HistoryRows(frame, times, times, place, np.zeros(count, bool))


def test_a_cell_is_what_a_plain_loop_finds() -> None:
    rows, recipe = made(), Recipe(pipeline(), SETTING)
    found = measure(rows, recipe, 1)
    data = build_dataset(rows.frame[rows.place <= 1], recipe.pipeline)
    columns = prepared_columns(data.schema)
    model = FAMILIES["linear"].build({"alpha": 0.01}, columns, "binary", 7)
    model.fit(data.prepared, data.y)
    assert sorted(found.cells) == [2, 3, 4, 5]
    for at, cell in found.cells.items():
        batch = rows.frame[rows.place == at]
        chance = model.predict_proba(prepare(batch, data.schema))
        expected = METRICS["roc_auc"].score(batch["y"].to_numpy().astype(int), chance)
        assert cell.live is not None
        assert cell.live.value == pytest.approx(expected, abs=1e-9)
        assert cell.errors is not None
        assert len(cell.errors) == PIECE
    assert found.fit.rows == 2 * PIECE
    assert found.fit.reference.labelled == pytest.approx(0.2 * 2 * PIECE, abs=2)
    assert found.cells[5].live.value < 0.4 < 0.6 < found.cells[2].live.value
    assert found.cells[2].estimated.value > 0.6


def test_without_refit_the_model_of_the_training_rows_is_judged() -> None:
    recipe = Recipe(pipeline(training={"refit": False}), SETTING)
    assert measure(made(), recipe, 1).fit.rows == pytest.approx(0.8 * 2 * PIECE, abs=2)


def test_few_rows_are_judged_in_folds_as_a_training_judges_them() -> None:
    held_out = measure(made(), Recipe(pipeline(), SETTING), 1).fit
    folded = measure(made(), Recipe(pipeline(training={"evidence": "auto"}), SETTING), 1).fit
    assert folded.rows == held_out.rows == 2 * PIECE
    assert folded.reference.labelled == 5 * 2 * PIECE / 6
    assert abs(folded.reference.value - held_out.reference.value) < 0.1


def test_the_window_of_the_file_is_kept_to() -> None:
    recipe = Recipe(pipeline(training={"window": "5d"}), SETTING)
    assert measure(made(), recipe, 3).fit.rows == 5 * 24


def test_missing_labels_and_one_class_are_told_apart() -> None:
    rows = made()
    rows.frame.loc[rows.place == 3, "y"] = np.nan
    rows.frame.loc[rows.place == 4, "y"] = 1.0
    cells = measure(rows, Recipe(pipeline(), SETTING), 1).cells
    assert cells[3].live is None
    assert len(cells[3].errors) == 0
    assert np.isnan(cells[4].live.value)
    assert cells[3].drift is not None
    assert cells[3].estimated is not None


def test_rows_of_one_class_make_no_model() -> None:
    rows = made()
    rows.frame.loc[rows.place <= 1, "y"] = 1.0
    with pytest.raises(DataError, match="two classes"):
        measure(rows, Recipe(pipeline(), SETTING), 1)
    (answer,) = measure_all(rows, Recipe(pipeline(), SETTING), [1], Path())
    assert "two classes" in answer[1]


def test_a_regression_is_measured_too() -> None:
    rows = made()
    values = rows.frame.assign(y=rows.frame["x"] * 3 + rows.frame["y"])
    again = replace(rows, frame=values, seen={})
    found = measure(again, Recipe(pipeline(task="regression"), SETTING), 2)
    assert found.cells[3].live.metric == "rmse"
    assert found.cells[3].errors.max() <= 1


def test_what_is_kept_is_what_was_measured() -> None:
    rows = made()
    rows.frame.loc[rows.place == 4, "y"] = np.nan
    rows.frame.loc[rows.place == 5, "y"] = 0.0
    found = measure(rows, Recipe(pipeline(), SETTING), 2)
    text = json.dumps(found.to_dict(), allow_nan=False)
    again = MeasuredFit.from_dict(json.loads(text), found.files())
    assert again.fit == found.fit
    for at, cell in found.cells.items():
        assert again.cells[at].drift == cell.drift
        assert str(again.cells[at].live) == str(cell.live)
        assert again.cells[at].estimated == cell.estimated
        assert np.array_equal(again.cells[at].errors, cell.errors)


def test_workers_read_the_rows_as_they_are(tmp_path: Path) -> None:
    rows = made()
    rows.frame.loc[3, "c"] = None
    write_rows(rows, tmp_path / "rows")
    again = map_rows(tmp_path / "rows")
    pd.testing.assert_frame_equal(again.frame, rows.frame)
    assert np.array_equal(again.times, rows.times)
    assert np.array_equal(again.arrived, rows.arrived)
    assert np.array_equal(again.place, rows.place)
    assert np.array_equal(again.held, rows.held)
