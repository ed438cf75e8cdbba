"""Whether, and from where, the champion can go on learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import DataError
from tasks.features.schema import FeatureSchema
from tasks.models.continuing import Start, can_go_on, start_of
from tasks.training.dataset import FEWEST

if TYPE_CHECKING:
    from tasks.training.work import Work


def obstacle(work: Work) -> str | None:
    """Say why the champion cannot go on learning from this run's rows; None where it can."""
    reigning, data = work.reigning, work.dataset
    if reigning is None:
        return "there is no champion"
    manifest, family = reigning.manifest, reigning.setting.family
    features = FeatureSchema.from_dict(manifest.schema).features
    transform = manifest.lineage.get("transform")
    rows = newer(work, data.split.training)
    enough = rows.sum() >= FEWEST and len(np.unique(data.y[rows])) >= len(data.classes)
    conditions = (
        (can_go_on(family, manifest.files), f"its family ({family}) does not go on learning"),
        (features == data.schema.features, "the columns are not the champion's"),
        (transform == work.pipeline.features.transform, "the transform is not the champion's"),
        (tuple(manifest.classes) == data.classes, "the classes are not the champion's"),
        (enough, f"fewer than {FEWEST} rows, or not of every class, are newer than it"),
    )
    return next((reason for holds, reason in conditions if not holds), None)


def newer(work: Work, within: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return which of the rows `within` are later than all the champion was fitted on."""
    assert work.reigning is not None
    until = np.datetime64(work.reigning.manifest.lineage["fitted_until"])
    return np.asarray(within & (work.dataset.times > until))


def starting_point(work: Work) -> Start:
    """Return what the champion goes on from.

    Raises:
        DataError: it cannot.
        IntegrityError: the version's files hold something else.
    """
    reason = obstacle(work)
    if reason is not None or work.reigning is None:
        raise DataError(f"pipeline {work.pipeline.name}", "the champion goes on", reason)
    manifest = work.reigning.manifest
    since = str(manifest.window["start"])
    return start_of(
        work.reigning.setting.family, work.reigning.files, manifest.lineage["rows"], since
    )
