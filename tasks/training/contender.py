"""A fitted model with all that is told of it, and its export."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tasks.arrays import Array, Times
from tasks.config import Pipeline
from tasks.features.prepare import prepared_columns
from tasks.features.schema import Columns, FeatureSchema
from tasks.features.typical import make_rows
from tasks.models.export import to_onnx
from tasks.models.families import FAMILIES
from tasks.models.importance import column_importances
from tasks.models.keeping import keep
from tasks.models.runtime import OnnxModel, RowModel
from tasks.models.warm_start import WarmStart, continue_fit
from tasks.promotion.golden import MOST, Golden, difference
from tasks.promotion.manifest import MODEL
from tasks.tuning.trial import Setting

COMPARED = 2000
# Of 450, once the first tenth is left out, four or five lie above the 99th percentile.
LATENCY_ROUNDS = 500


@dataclass(frozen=True)
class Contender:
    """A model that was fitted on rows up to `fitted_until`, and how its export does.

    `difference` is the largest one between fitted and exported answers over up to 2,000 rows;
    `latency` is the 99th percentile of one row through the runtime that serves, in CPU seconds.
    `files` are the exported model, and what a later warm start and explaining need.
    """

    setting: Setting
    rows: int
    fitted_from: str
    fitted_until: str
    importances: dict[str, float]
    golden: Golden
    difference: float
    latency: float
    seconds: float
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def model(self) -> bytes:
        return self.files[MODEL]

    @property
    def window(self) -> str:
        """The days that its rows span, in words."""
        return f"{self.fitted_from[:10]} to {self.fitted_until[:10]}"


def build_contender(
    setting: Setting,
    pipeline: Pipeline,
    schema: FeatureSchema,
    prepared: pd.DataFrame,
    y: Array,
    times: Times,
    start: WarmStart | None = None,
) -> Contender:
    """Fit a setting on these rows, export it, and compare the export with the fitted model.

    Args:
        pipeline: gives task and seed.
        prepared, schema: n rows to learn from, and their columns.
        y: (n,) class indices from 0, or values in the target's unit.
        times: (n,) event times, UTC.
        start: an earlier fit, which then goes on.
    """
    columns = prepared_columns(schema)
    began = time.monotonic()
    model = FAMILIES[setting.family].build(
        setting.params, columns, pipeline.task, pipeline.training.seed
    )
    model = model.fit(prepared, y) if start is None else continue_fit(model, start, prepared, y)
    seconds = time.monotonic() - began
    data = to_onnx(model, columns, pipeline.task)
    exported = OnnxModel(data)
    sample = _spread(prepared, COMPARED)
    answers = exported.predict(sample)
    own = model.predict(sample) if pipeline.task == "regression" else model.predict_proba(sample)
    golden, golden_answers = _make_golden(exported, prepared, columns)
    return Contender(
        setting=setting,
        rows=len(prepared) + (start.rows if start else 0),
        fitted_from=start.since if start else str(np.datetime_as_string(times.min(), unit="s")),
        fitted_until=str(np.datetime_as_string(times.max(), unit="us")),
        importances=column_importances(model, columns),
        golden=Golden.of(golden, golden_answers),
        difference=difference(own, answers),
        latency=RowModel(data).latency(golden, LATENCY_ROUNDS),
        seconds=round(seconds, 3),
        files={MODEL: data, **keep(model)},
    )


def _make_golden(
    exported: OnnxModel, prepared: pd.DataFrame, columns: Columns
) -> tuple[pd.DataFrame, Array]:
    """Return made rows to keep with the model, and its answers.

    Those that are no finite number are left out. Where all are, they stay: nobody serves that.
    """
    made = make_rows(prepared, columns, MOST)
    answers = np.asarray(exported.predict(made), dtype=float)
    finite = np.isfinite(answers.reshape(len(made), -1)).all(axis=1)
    if not finite.any():
        return made, answers
    return made[finite].reset_index(drop=True), answers[finite]


def _spread(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    # not the first ones: the rows are in order of time, and so is much of what they hold
    places = np.unique(np.linspace(0, len(frame) - 1, min(rows, len(frame))).astype(int))
    return frame.iloc[places].reset_index(drop=True)
