"""Versions of every family and task, as files, fitted once on the models' messy rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pytest

from tasks.drift.encoding import encode_profile
from tasks.drift.profiling import Profiler
from tasks.explanation.explainer import Explainer
from tasks.features.schema import IS_TARGET, Feature, FeatureSchema
from tasks.models.export import to_onnx
from tasks.models.keeping import keep
from tasks.models.model import Model
from tasks.models.setting import Setting
from tasks.promotion.gate import Verdict
from tasks.promotion.golden import Golden
from tasks.promotion.manifest import MODEL, PROFILE, Manifest
from tasks.promotion.model_version import ModelVersion
from tests.lineage import LINEAGE
from tests.tasks.models.conftest import COLUMNS, Messy, messy

__all__ = ["messy"]

SCHEMA = FeatureSchema(
    (
        *(Feature(name, "number") for name in COLUMNS.numbers),
        *(Feature(name, "category") for name in COLUMNS.categories),
    ),
    {"outcome": IS_TARGET},
)


@dataclass(frozen=True)
class Version:
    """A fitted model and what its version holds."""

    model: Model
    manifest: Manifest
    files: dict[str, bytes]

    @property
    def loaded(self) -> ModelVersion:
        return ModelVersion(self.manifest, self.files)

    @property
    def explainer(self) -> Explainer:
        return Explainer(self.loaded)


def version_of(
    model: Model, family: str, rows: Any, schema: FeatureSchema, classes: tuple[Any, ...]
) -> Version:
    """Keep of a fitted model what a training keeps."""
    columns, task = model.columns, model.task
    profiler = Profiler(columns)
    profiler.add(rows)
    files = {
        MODEL: to_onnx(model, columns, task),
        PROFILE: encode_profile(profiler.result()),
        **keep(model),
    }
    manifest = Manifest(
        pipeline="messy",
        version=1,
        schema=schema.to_dict(),
        task=task,
        classes=classes,
        golden=Golden({}, {}, (), ()),
        metrics={},
        data_version=1,
        window={},
        run="",
        training_key="key",
        verdict=Verdict(True, ()),
        created=datetime(2026, 1, 1, tzinfo=UTC),
        lineage=replace(LINEAGE, setting=Setting(family, {})),
    )
    return Version(model, manifest, files)


@pytest.fixture(scope="session")
def versions(messy: Messy) -> Callable[[str, str], Version]:
    @cache
    def made(family: str, task: str) -> Version:
        y, model = messy.y[task], messy.fitted(family, task)
        classes = () if task == "regression" else tuple(range(int(np.max(y)) + 1))
        return version_of(model, family, messy.fit, SCHEMA, classes)

    return made
