"""A model version, loaded and checked: what it is, what it takes, and what it answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import Array
from tasks.documents import unseal_bytes
from tasks.errors import DataError, IntegrityError
from tasks.features.schema import FeatureSchema
from tasks.models.setting import Setting
from tasks.promotion.golden import agrees
from tasks.promotion.manifest import MODEL, PROFILE, REMEDY, SIGNS, Manifest

if TYPE_CHECKING:
    import pandas as pd

    from tasks.drift.profile import Profile
    from tasks.features.transform import Transform
    from tasks.models.bulk import BulkModel
    from tasks.models.runtime import OnnxModel, RowModel

# Both sum float32 (seven digits), in another order.
CLOSE = 1e-6
COMPARED = 1_000


@dataclass(frozen=True, eq=False)
class ModelVersion:
    """One version with its files, as `versions.load` returns it; safe to use from threads.

    Each runtime is made when it is first asked for, since nobody needs all three: `model` is ONNX
    Runtime on frames, `bulk` the same for very many rows, `by_row` for single rows as lists.
    """

    manifest: Manifest
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def where(self) -> str:
        return f"{self.manifest.pipeline} version {self.manifest.version}"

    @property
    def digest(self) -> str:
        return self.manifest.digest

    @property
    def setting(self) -> Setting:
        return self.manifest.lineage.setting

    @cached_property
    def schema(self) -> FeatureSchema:
        return FeatureSchema.from_dict(self.manifest.schema)

    @cached_property
    def profile(self) -> Profile | None:
        """Of the rows it was fitted on; None where it was published without one."""
        from tasks.drift.encoding import decode_profile

        data = self.files.get(PROFILE)
        return None if data is None else decode_profile(data, PROFILE)

    @cached_property
    def signs(self) -> Mapping[str, Any]:
        """The associations and the share of wrong sure answers in its holdout; none of old."""
        data = self.files.get(SIGNS)
        return {} if data is None else unseal_bytes("signs", data, SIGNS)

    @cached_property
    def transform(self) -> Transform | None:
        """The user's own function; raises ConfigurationError where it is not here."""
        from tasks.features.prepare import load_transform

        return load_transform(self.manifest.lineage.transform)

    @cached_property
    def model(self) -> OnnxModel:
        from tasks.models.runtime import OnnxModel

        return OnnxModel(self.files[MODEL])

    @cached_property
    def bulk(self) -> BulkModel:
        """The model for many rows, once it gave the golden answers (IntegrityError: others)."""
        from tasks.models.bulk import BulkModel

        made = BulkModel(self.files[MODEL])
        self._compare(made, self.manifest.golden.frame(), "the golden rows")
        return made

    @cached_property
    def by_row(self) -> RowModel:
        """The model for single rows, once it gave the golden answers.

        Raises:
            IntegrityError: it gives others, or no finite ones.
        """
        from tasks.models.runtime import RowModel

        made, golden = RowModel(self.files[MODEL]), self.manifest.golden
        # by `to_lists`, the way of a request: what it does to the rows is checked as well
        answers = made.answers(*made.to_lists(golden.frame()))
        if not np.isfinite(answers).all():
            raise IntegrityError(self.where, "it answers finite numbers", "NaN or infinity", REMEDY)
        if not agrees(golden.answers, answers):
            rule = "the model gives the recorded answers to the golden rows"
            raise IntegrityError(self.where, rule, "other answers", REMEDY)
        return made

    def prepare(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return what the model sees of these rows."""
        from tasks.features.prepare import prepare

        return prepare(frame, self.schema, self.transform)

    def predict(self, frame: pd.DataFrame) -> Array:
        """Return (n, classes) probabilities or (n,) values of n curated rows."""
        return np.asarray(self.model.predict(self.prepare(frame)))

    def predict_many(self, frame: pd.DataFrame, *, compared: bool = False) -> Array:
        """Return the same for many rows; with `compared`, once the first of them agree.

        Raises:
            IntegrityError: the two ways to answer differ by more than 1e-6.
        """
        from tasks.features.prepare import prepare_columns

        rows = prepare_columns(frame, self.schema, self.transform)
        if compared:
            first = prepare_columns(frame.head(COMPARED), self.schema, self.transform)
            self._compare(self.bulk, first.frame(), "the first rows")
        return self.bulk.predict(rows)

    def require(self, columns: Collection[str]) -> None:
        """Make sure that rows with these columns have every feature.

        Raises:
            DataError: one is absent, and no transform could make it.
        """
        history = self.schema.history
        needed = {feature.name for feature in self.schema.features}
        if history is not None:
            needed = needed - {*history.names} | {*history.asked_by}
        absent = sorted(needed - {*columns})
        if absent and self.transform is None:
            rule = "every feature of the champion is a column"
            raise DataError("source", rule, f"no {', '.join(absent)}", "Add the columns.")

    def _compare(self, bulk: BulkModel, rows: pd.DataFrame, which: str) -> None:
        from tasks.features.prepare import Prepared

        if not agrees(self.model.predict(rows), bulk.predict(Prepared.of(rows)), CLOSE):
            rule = f"both ways to answer {which} agree within {CLOSE:g}"
            raise IntegrityError(self.where, rule, "other answers")
