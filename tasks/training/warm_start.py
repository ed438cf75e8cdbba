"""Whether the champion can be fitted further, and with which newer rows. Pure."""

from __future__ import annotations

import numpy as np

from tasks.arrays import Mask, Times
from tasks.dataset.dataset import FEWEST, Dataset
from tasks.features.schema import FeatureSchema
from tasks.models.warm_start import can_start
from tasks.promotion.manifest import Manifest


def find_obstacle(champion: Manifest, data: Dataset, transform: str | None) -> str | None:
    """Say why the champion cannot be fitted further with these rows; None where it can."""
    family = champion.lineage.setting.family
    features = FeatureSchema.from_dict(champion.schema).features
    rows = select_newer(champion, data.times, data.split.training)
    # a kept model has as many outputs as classes, and is fitted further with all of them only
    enough = rows.sum() >= FEWEST and len(np.unique(data.y[rows])) >= len(data.classes)
    own_transform = champion.lineage.transform
    conditions = (
        (can_start(family, champion.files), f"its family ({family}) cannot be fitted further"),
        (features == data.schema.features, "the columns are not the champion's"),
        (
            champion.lineage.ordered == (data.hashes is None),
            "its rows were ordered by another time",
        ),
        (own_transform == transform, "the transform is not the champion's"),
        (tuple(champion.classes) == data.classes, "the classes are not the champion's"),
        (not data.split.folds, "a cross-validation judges rows that the champion was fitted on"),
        (enough, f"fewer than {FEWEST} rows, or not of every class, are newer than it"),
    )
    return next((reason for holds, reason in conditions if not holds), None)


def select_newer(champion: Manifest, times: Times, within: Mask) -> Mask:
    """Return which of the rows `within` (n,) are later than all the champion was fitted on."""
    return np.asarray(within & (times > np.datetime64(champion.lineage.fitted_until)))
