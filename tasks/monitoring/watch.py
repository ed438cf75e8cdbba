"""A champion with all it keeps to be watched by, loaded once for a run of the monitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.config import Pipeline
from tasks.data.table import Table
from tasks.documents import unseal_bytes
from tasks.drift.encoding import decode_profile
from tasks.drift.profile import Profile
from tasks.errors import IntegrityError, NotFound
from tasks.estimation.estimator import Estimator
from tasks.evaluation.metrics import METRICS
from tasks.labels.table import labels_table, labels_version, load_labels
from tasks.ledger.ledger import Ledger
from tasks.monitoring.look import Eye
from tasks.monitoring.past import ChampionLineage
from tasks.policy.situation import MetricValue
from tasks.promotion import pointer
from tasks.promotion.manifest import ESTIMATOR, PROFILE, SIGNS
from tasks.promotion.model_version import ModelVersion
from tasks.promotion.versions import load, load_champion
from tasks.store.bucket import Bucket
from tasks.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Watch:
    """Where a monitoring run reads and writes, and the champion it watches (None: none yet)."""

    workspace: Workspace
    scorer: ModelVersion | None

    @classmethod
    def load(cls, workspace: Workspace) -> Watch:
        """Load the champion, every check made.

        Raises:
            IntegrityError: the champion's files do not hold.
        """
        there = pointer.read(workspace) is not None
        return cls(workspace, load_champion(workspace) if there else None)

    @property
    def pipeline(self) -> Pipeline:
        return self.workspace.pipeline

    @property
    def bucket(self) -> Bucket:
        return self.workspace.bucket

    @property
    def table(self) -> Table:
        return self.workspace.curated

    @property
    def labels_table(self) -> Table:
        return labels_table(self.bucket, self.pipeline.name)

    @cached_property
    def labels(self) -> pd.DataFrame:
        """Key and target of the labels that came after their rows."""
        version = labels_version(self.bucket, self.pipeline)
        return load_labels(self.bucket, self.pipeline, version)

    @property
    def ledger(self) -> Ledger:
        return self.workspace.ledger

    @property
    def greater_is_better(self) -> bool:
        return METRICS[self.pipeline.metric].greater_is_better

    @cached_property
    def profile(self) -> Profile | None:
        """The champion's profile; None where it was published without one."""
        data = self._file(PROFILE)
        return None if data is None else decode_profile(data)

    @cached_property
    def estimator(self) -> Estimator | None:
        """What estimates the champion's metrics without labels."""
        data = self._file(ESTIMATOR)
        if data is None:
            return None
        return Estimator.from_dict(unseal_bytes("estimator", data, ESTIMATOR))

    @cached_property
    def signs(self) -> Mapping[str, Any]:
        """The associations and the share of wrong sure answers in the champion's holdout."""
        data = self._file(SIGNS)
        return {} if data is None else unseal_bytes("signs", data, SIGNS)

    @cached_property
    def eye(self) -> Eye:
        """What the champion is watched with."""
        assert self.scorer is not None, "there is a champion to watch"
        lineage = self.scorer.manifest.lineage
        weighted = self.pipeline.monitoring.drift.weights == "importance"
        weights = lineage.importances if weighted else {}
        until = np.datetime64(lineage.fitted_until)
        return Eye(until, self.profile, weights, self.estimator)

    @cached_property
    def replaced(self) -> ModelVersion | None:
        """The model that the champion replaced; None where there was none, or it is gone."""
        version = None if self.scorer is None else self.scorer.manifest.version
        came = [entry for entry in self.ledger.entries("promotion") if entry.version == version]
        # the last promotion counts: a version may be promoted more than once
        before = came[-1].figures.get("replaced") if came else None
        if before is None:
            return None
        try:
            return load(self.workspace, before)
        except (NotFound, IntegrityError):
            return None

    @property
    def champion(self) -> ChampionLineage:
        """What the champion's manifest says that a past needs to know."""
        assert self.scorer is not None, "there is a champion to watch"
        manifest = self.scorer.manifest
        return ChampionLineage(
            version=manifest.version,
            data_version=manifest.data_version,
            fitted_rows=manifest.lineage.rows,
            fitted_until=datetime.fromisoformat(manifest.lineage.fitted_until),
            reference=self.reference,
            labels=manifest.lineage.labels,
            without=tuple(manifest.lineage.without),
        )

    @property
    def reference(self) -> MetricValue:
        """The champion's deciding metric at its gate."""
        assert self.scorer is not None
        manifest = self.scorer.manifest
        found = {k: float("nan") if v is None else v for k, v in
                 manifest.metrics[self.pipeline.metric].items()}  # fmt: skip
        rows = manifest.lineage.holdout_rows
        return MetricValue(
            self.pipeline.metric, found["value"], found["low"], found["high"], rows, rows
        )

    def _file(self, name: str) -> bytes | None:
        return None if self.scorer is None else self.scorer.files.get(name)
