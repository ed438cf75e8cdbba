"""What a model version came from, kept in its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.data.reference import DatasetRef
from tasks.features.request import RequestSchema
from tasks.models.setting import Setting


@dataclass(frozen=True)
class Lineage:
    """All that the training was pinned to, and what came of it.

    Attributes:
        setting: the family and its parameters.
        rows: how many rows the published model was fitted on, those before a warm start included.
        fitted_until: the last event time among them, ISO 8601 to the microsecond.
        metric, holdout, holdout_rows: what decided, on which span and how many rows.
        importances: prepared column to its share, summing up to one.
        naive: what naive predictions need of the training labels (see `naive_figures`).
        challenger, challengers: which one it was, of those that were planned.
        why: the reason why its setting was chosen.
        cost: what the run took (`tasks.training.cost`).
        data, labels: the pinned versions of rows and of labels that came later.
        configuration, code, lock: digests.
        transform: the user's function, `module:function`; None without one.
        request: what a request may hold; None where the version cannot be served.
        without: batches and files of labels that were held back from it as suspicious.
    """

    setting: Setting
    rows: int
    fitted_until: str
    metric: str
    holdout: tuple[str | None, ...]
    holdout_rows: int
    importances: Mapping[str, float]
    naive: Mapping[str, Any]
    challenger: str
    challengers: tuple[str, ...]
    why: str
    cost: Mapping[str, float]
    data: DatasetRef
    configuration: str
    code: str
    lock: str
    seed: int
    labels: int | None = None
    transform: str | None = None
    request: RequestSchema | None = None
    without: tuple[str, ...] = ()
