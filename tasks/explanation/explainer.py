"""Explains predictions of one model version, from the version's files alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from tasks.arrays import Array
from tasks.errors import ConfigurationError, IntegrityError
from tasks.explanation.explanation import Contribution, Explanation
from tasks.explanation.neighbours import Neighbours
from tasks.explanation.words import effect, show_prepared, show_raw, subject
from tasks.features.schema import origins
from tasks.models.attribution import Attributed, Attribution, Method, Scale
from tasks.models.encoders import ENCODERS, Encoders, sources
from tasks.models.keeping import load_attribution
from tasks.promotion.manifest import PROFILE
from tasks.promotion.model_version import ModelVersion

Arrays = Mapping[str, Array]
# On the scale of `additions`; an overview looks at 37 rows of a model that only LIME explains.
LIME_WORK = 4e6
REMEDY = "Train again: a newer version keeps what explaining needs."


class Explainer:
    """Prepared once per version; safe to use from several threads.

    SHAP's values where the family allows them exactly (a boosting, a forest, a linear model), else
    LIME. A classification explains the predicted class; of two classes always the second.
    """

    def __init__(
        self, version: ModelVersion, method: Literal["shap", "lime"] | None = None
    ) -> None:
        """Read the files of a version.

        Raises:
            ConfigurationError: SHAP's values were asked for, and the version allows none.
            IntegrityError: a file is not what it should be, or is lacking.
        """
        self._version = version
        self.schema = version.schema
        self.classes = version.manifest.classes
        self.raw = tuple(feature.name for feature in self.schema.features)
        self._target = self.schema.target or "the target"
        self._exact: Attribution | None = None
        # without them only the export can be asked, by LIME
        if method != "lime" and ENCODERS in version.files:
            self._exact = load_attribution(version.files, self._encoders)
        if method == "shap" and self._exact is None:
            rule, family = "its family and files allow SHAP's values", version.setting.family
            raise ConfigurationError(version.where, rule, family, "Take LIME: --method lime.")
        # asked for now: what a version lacks is told when it is loaded, not by its first request
        _ = self._neighbours if self._exact is None else self._folding
        # `scale` is of base and contributions, `work` what one row costs, in additions
        self.method: Method = "lime"
        self.scale: Scale = "probability" if self.classes else "value"
        self.work = LIME_WORK
        if (exact := self._exact) is not None:
            self.method, self.scale, self.work = exact.method, exact.scale, exact.work

    def explain(
        self, prepared: pd.DataFrame, rows: pd.DataFrame | None = None
    ) -> list[Explanation]:
        """Explain each row that `tasks.features.prepare.prepare` returned.

        `rows` are the same rows as they came; with them the words tell the raw values.

        Raises:
            DataError: a column of the model is absent.
        """
        if not len(prepared):
            return []
        arrays = self._arrays(prepared)
        answers, outputs, found, fits = self._attribute(arrays)
        chosen = answers.reshape(len(answers), -1)
        predictions = chosen[np.arange(len(chosen)), self._places(outputs)].tolist()
        explanations = []
        for place, shown in enumerate(self._shown(arrays, rows)):
            of = subject(self._target, self.classes, int(outputs[place]))
            values = found.values[place].tolist()
            base, rest = float(found.base[place]), float(found.rest[place])
            # LIME's sum is only near the prediction: no chance "with and without" follows from it
            total = None if self._exact is None else base + sum(values)
            parts = [
                Contribution(name, value, cell, effect(value, self.scale, of, total, rest))
                for name, value, cell in zip(self.raw, values, shown, strict=True)
            ]
            # by name where two add the same: the order must not hang on the last bit of a sum
            ordered = tuple(sorted(parts, key=lambda part: (-abs(part.value), part.column)))
            asked = (self.method, self.scale, of, predictions[place])
            explanations.append(Explanation(*asked, base, ordered, rest, fits[place]))
        return explanations

    def contributions(self, prepared: pd.DataFrame) -> tuple[Array, str]:
        """Return (n, raw columns) contributions in the order of `raw`, and of what they are.

        Raises:
            DataError: a column of the model is absent.
        """
        several = len(self.classes) > 2
        of = "the predicted class" if several else subject(self._target, self.classes, 0)
        return self._attribute(self._arrays(prepared))[2].values, of

    def _attribute(self, arrays: Arrays) -> tuple[Array, Array, Attributed, list[float | None]]:
        """Return answers, the output that is explained of each, what adds to it, LIME's fit."""
        answers = np.asarray(self._version.model.predict(arrays), np.float64)
        several = len(self.classes) > 2
        outputs = answers.argmax(axis=1) if several else np.zeros(len(answers), np.int64)
        if self._exact is None:
            found, fits = self._neighbours.attribute(arrays, self._places(outputs))
            return answers, outputs, found, fits.tolist()
        blocks = self._encoders.blocks
        encoded = np.concatenate([block.encode(arrays) for block in blocks], axis=1)
        found = self._exact.attribute(encoded, outputs)
        # SHAP's values add up: a raw column's is the sum of those it was encoded to
        folded = Attributed(found.base, found.values @ self._folding, found.rest)
        return answers, outputs, folded, [None] * len(answers)

    def _arrays(self, prepared: pd.DataFrame) -> Arrays:
        # once for all rows: pandas' way to one cell costs more than all that follows
        return {str(name): column.to_numpy() for name, column in prepared.items()}

    def _places(self, outputs: Array) -> Array:
        """Return where among the model's answers the outputs stand: of two classes the second."""
        return outputs + 1 if len(self.classes) == 2 else outputs

    def _shown(self, arrays: Arrays, rows: pd.DataFrame | None) -> list[list[str]]:
        columns = []
        for feature in self.schema.features:
            if rows is not None and feature.name in rows.columns:
                columns.append([show_raw(value) for value in rows[feature.name].tolist()])
                continue
            parts = zip(*(arrays[name].tolist() for name in feature.prepared), strict=True)
            columns.append([show_prepared(feature, values) for values in parts])
        return [list(row) for row in zip(*columns, strict=True)]

    @cached_property
    def _encoders(self) -> Encoders:
        return Encoders.from_bytes(self._version.files[ENCODERS])

    @cached_property
    def _folding(self) -> Array:
        """(encoded, raw columns): one where an encoded column came from the raw one."""
        origin = origins(self.schema)
        behind = [origin[name] for name in sources(self._encoders.blocks)]
        return np.array([[column == name for name in self.raw] for column in behind], np.float64)

    @cached_property
    def _neighbours(self) -> Neighbours:
        profile = self._version.profile
        if profile is None:
            raise IntegrityError(self._version.where, f"it keeps {PROFILE}", "none", REMEDY)
        return Neighbours(self._version.model, profile, origins(self.schema), self.raw)
