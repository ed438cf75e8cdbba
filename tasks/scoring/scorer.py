"""A model version as it scores: its manifest, its models and its way to prepare rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tasks.errors import DataError, IntegrityError, Refused
from tasks.features.prepare import Prepared, load_transform, prepare, prepared
from tasks.features.schema import FeatureSchema
from tasks.features.transform import Transform
from tasks.models.bulk import BulkModel
from tasks.models.runtime import OnnxModel
from tasks.promotion import pointer
from tasks.promotion.golden import agrees
from tasks.promotion.manifest import MODEL, Manifest
from tasks.promotion.pointer import Champion
from tasks.promotion.versions import load
from tasks.workspace import Workspace

Array = np.ndarray[Any, Any]
CLOSE = 1e-6
COMPARED = 1_000


@dataclass(frozen=True)
class Scorer:
    """A version as it scores; `model` answers as ONNX Runtime does, `bulk` the same but faster."""

    manifest: Manifest
    model: OnnxModel
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @cached_property
    def schema(self) -> FeatureSchema:
        """The features it was trained on."""
        return FeatureSchema.from_dict(self.manifest.schema)

    @cached_property
    def transform(self) -> Transform | None:
        """The user's own function, where there is one."""
        return load_transform(self.manifest.lineage.transform)

    @cached_property
    def bulk(self) -> BulkModel:
        """The model for many rows, once it gave the golden answers.

        Raises:
            IntegrityError: it gives others.
        """
        made = BulkModel(self.files[MODEL])
        self.compare(made, self.manifest.golden.frame(), "the golden rows")
        return made

    def prepare(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return what the model sees of these rows."""
        return prepare(frame, self.schema, self.transform)

    def predict(self, frame: pd.DataFrame) -> Array:
        """Return (n, classes) probabilities or (n,) values."""
        return np.asarray(self.model.predict(self.prepare(frame)))

    def answers(self, frame: pd.DataFrame, *, compared: bool = False) -> Array:
        """Return the same for many rows; with `compared`, once the first of them agree.

        Raises:
            IntegrityError: the two ways to answer differ by more than 1e-6.
        """
        rows = prepared(frame, self.schema, self.transform)
        if compared:
            first = prepared(frame.head(COMPARED), self.schema, self.transform)
            self.compare(self.bulk, first.frame(), "the first rows")
        return self.bulk.predict(rows)

    def compare(self, bulk: BulkModel, rows: pd.DataFrame, which: str) -> None:
        """Let both models answer.

        Raises:
            IntegrityError: they differ by more than 1e-6, absolute and relative.
        """
        if not agrees(self.model.predict(rows), bulk.predict(Prepared.of(rows)), CLOSE):
            rule = f"both ways to answer {which} agree within {CLOSE:g}"
            raise IntegrityError(f"version {self.manifest.version}", rule, "other answers")


def champion_of(workspace: Workspace) -> Scorer:
    """Load the champion, every check made.

    Raises:
        Refused: there is none.
        IntegrityError: its files do not hold.
    """
    champion = pointed(workspace)
    return scorer_of(workspace, champion.version, champion.digest)


def pointed(workspace: Workspace) -> Champion:
    """Return which version is the champion.

    Raises:
        Refused: there is none.
    """
    found = pointer.read(workspace)
    if found is None:
        remedy = f"Train one: `perennial train {workspace.name}`."
        raise Refused(f"pipeline {workspace.name}", "a champion is in service", "none", remedy)
    return found[0]


def scorer_of(workspace: Workspace, version: int, digest: str) -> Scorer:
    """Load the version of this digest, every check made.

    Raises:
        IntegrityError: its files do not hold.
    """
    manifest, files = load(workspace, version, digest)
    return Scorer(manifest, OnnxModel(files[MODEL]), files)


def refuse_missing(scorer: Scorer, names: Collection[str]) -> None:
    """Make sure that rows with these columns have every feature.

    Raises:
        DataError: one is absent, and no transform could make it.
    """
    absent = [feature.name for feature in scorer.schema.features if feature.name not in names]
    if absent and scorer.transform is None:
        rule = "every feature of the champion is a column"
        raise DataError("source", rule, f"no {', '.join(absent)}", "Add the columns.")
