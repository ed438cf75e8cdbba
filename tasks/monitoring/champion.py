"""The champion with what it is watched by, and the model that it replaced."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tasks.config import Pipeline
from tasks.documents import unseal_bytes
from tasks.errors import IntegrityError, NotFound
from tasks.estimation.estimator import Estimator
from tasks.ledger.entry import Entry
from tasks.monitoring.look import Eye
from tasks.monitoring.past import ChampionLineage
from tasks.policy.situation import MetricValue
from tasks.promotion import pointer
from tasks.promotion.manifest import ESTIMATOR, Manifest
from tasks.promotion.model_version import ModelVersion
from tasks.promotion.versions import load, load_champion
from tasks.workspace import Workspace


def load_watched(workspace: Workspace) -> ModelVersion | None:
    """Load the champion, every check made; None before the first."""
    return None if pointer.read_newest(workspace) is None else load_champion(workspace)


def load_replaced(
    workspace: Workspace, champion: ModelVersion, entries: Iterable[Entry]
) -> ModelVersion | None:
    """Load the model that the champion replaced; None where there was none, or it is gone."""
    version = champion.manifest.version
    came = [entry for entry in entries if entry.kind == "promotion" and entry.version == version]
    # the last promotion counts: a version may be promoted more than once
    before = came[-1].figures.get("replaced") if came else None
    try:
        return None if before is None else load(workspace, before)
    # what it gained is only told: a damaged predecessor stops no decision on its successor
    except (NotFound, IntegrityError):
        return None


def open_eye(pipeline: Pipeline, champion: ModelVersion) -> Eye:
    """Return what the champion is watched with."""
    lineage, kept = champion.manifest.lineage, champion.files.get(ESTIMATOR)
    weighted = pipeline.monitoring.drift.weights == "importance"
    return Eye(
        until=lineage.seen_until(ordered=pipeline.event_time is not None),
        profile=champion.profile,
        weights=lineage.importances if weighted else {},
        estimator=Estimator.from_dict(unseal_bytes("estimator", kept, ESTIMATOR)) if kept else None,
    )


def read_lineage(manifest: Manifest, metric: str) -> ChampionLineage:
    """Return what a manifest says that a past needs to know, with the metric at its gate."""
    lineage = manifest.lineage
    counts = {"metric": metric, "rows": lineage.holdout_rows, "labelled": lineage.holdout_rows}
    return ChampionLineage(
        version=manifest.version,
        data_version=manifest.data_version,
        fitted_rows=lineage.rows,
        fitted_until=datetime.fromisoformat(lineage.fitted_until),
        reference=MetricValue.from_dict({**manifest.metrics[metric], **counts}),
        labels=lineage.labels,
        without=tuple(lineage.without),
    )
