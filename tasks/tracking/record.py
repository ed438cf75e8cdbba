"""What is told about one training run, as a value. Pure."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import PurePosixPath
from typing import Any, Literal

from tasks.errors import DataError, bounded

KEY = "perennial.key"
VERSION = "perennial.version"
VERDICT = "perennial.verdict"
REASON = "perennial.reason"
WARNINGS = "perennial.warnings"
EVIDENCE = "perennial.evidence"
# MLflow's own: who made a run, and the Markdown that its page shows.
OURS = {"mlflow.user": "perennial"}
NOTE = "mlflow.note.content"
# MLflow refuses longer ones:
# https://github.com/mlflow/mlflow/blob/master/mlflow/utils/validation.py
NAME_LIMIT = 250
PARAM_LIMIT = 6000
TAG_LIMIT = 8000
Bounds = tuple[float, float | None, float | None]


@dataclass(frozen=True)
class TrialRecord:
    """One setting that was tried, from `origin` (defaults, champion, search).

    `score` is the mean of `folds` in the deciding metric's own unit, None where it did not end.
    """

    number: int
    family: str
    origin: str
    params: Mapping[str, Any]
    score: float | None
    folds: tuple[float, ...] = ()
    seconds: float = 0.0
    state: Literal["complete", "pruned", "failed"] = "complete"
    cpu_seconds: float | None = None

    @property
    def name(self) -> str:
        """What its run is called.

        >>> TrialRecord(3, "lightgbm", "search", {}, 0.65).name
        '003 lightgbm search'
        """
        return f"{self.number:03d} {self.family} {self.origin}"


@dataclass(frozen=True)
class DatasetRecord:
    """The rows a run learned from: a Delta table at one version, and the window inside it.

    `source` is the table's address (s3://…), `schema` column to type.
    """

    name: str
    version: int
    source: str
    rows: int
    window: str
    digest: str
    schema: Mapping[str, str]


@dataclass(frozen=True)
class RunRecord:
    """One training run.

    `key` is the training key, `metric` the deciding metric, `metrics` plain values (see
    `flatten_bounds`), `texts` and `images` artifact path to content, `note` the Markdown shown on
    the run's page, `about` the pipeline's description.

    Raises:
        DataError: an artifact path would leave the run's folder, or the key is none.
    """

    pipeline: str
    key: str
    name: str
    metric: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    trials: tuple[TrialRecord, ...]
    dataset: DatasetRecord
    started: datetime
    ended: datetime
    note: str = ""
    about: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # it goes into MLflow's search filter as it is
        if not re.fullmatch(r"[\w.:-]{1,250}", self.key):
            raise DataError("run", "the training key is a digest", repr(self.key))
        for path in (*self.texts, *self.images):
            check_path(path)

    def spans(self) -> tuple[tuple[datetime, datetime], ...]:
        """Return when each trial began and ended, one after the other from the run's start."""
        seconds = accumulate((trial.seconds for trial in self.trials), initial=0.0)
        return tuple(pairwise(self.started + timedelta(seconds=part) for part in seconds))


def check_path(path: str) -> str:
    """Return an artifact path that stays inside its folder.

    Raises:
        DataError: it is absolute, empty or climbs.

    >>> check_path("../roc.png")
    Traceback (most recent call last):
    ...
    tasks.errors.DataError: artifact: the path stays in the run's folder; got '../roc.png'.
    """
    parts = PurePosixPath(path).parts
    if not parts or parts[0] == "/" or ".." in parts or "\\" in path:
        raise DataError("artifact", "the path stays in the run's folder", repr(path))
    return path


def run_name(family: str, origin: str, window: str) -> str:
    """Return a run's name as a person reads it.

    >>> run_name("extra_trees", "defaults", "2013-01-01 to 2013-03-31")
    'extra_trees defaults · 2013-01-01 to 2013-03-31'
    """
    return bounded(f"{family} {origin} · {window}", NAME_LIMIT)


def flatten_bounds(intervals: Mapping[str, Bounds]) -> dict[str, float]:
    """Flatten name to (value, low, high) to the names that MLflow lists side by side.

    >>> flatten_bounds({"roc_auc": (0.65, 0.64, 0.66), "rows": (12.0, None, None)})
    {'roc_auc': 0.65, 'roc_auc_low': 0.64, 'roc_auc_high': 0.66, 'rows': 12.0}
    """
    return {
        f"{name}{end}": part
        for name, bounds in intervals.items()
        for end, part in zip(("", "_low", "_high"), bounds, strict=True)
        if part is not None
    }


def allowed_name(name: str) -> str:
    """Return `name` with only the characters MLflow takes in names of metrics and parameters.

    No part between slashes is empty or all dots: MLflow refuses what would be another path.

    >>> allowed_name("slice origin=JFK?"), allowed_name("slice url=a//b/../c")
    ('slice origin_JFK_', 'slice url_a/_/b/_/c')
    """
    parts = re.sub(r"[^\w\-. /:]", "_", name, flags=re.ASCII).split("/")
    path = "/".join(part if part.strip(".") else "_" for part in parts)
    return path[:NAME_LIMIT].strip("./ ") or "_"


def own_names(names: Iterable[str]) -> dict[str, str]:
    """Return allowed names, each of its own: of those that would be one, what was altered is told
    apart by a digest.

    >>> own_names(["slice city=Å", "slice city=Ø", "rows"])
    {'slice city=Å': 'slice city__ 617c82', 'slice city=Ø': 'slice city__ 4dcf30', 'rows': 'rows'}
    """
    allowed = {name: allowed_name(name) for name in names}
    met = Counter(allowed.values())
    return {
        name: made if met[made] == 1 or made == name else f"{made[: NAME_LIMIT - 7]} {_mark(name)}"
        for name, made in allowed.items()
    }


def _mark(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:6]


def finite_metrics(metrics: Mapping[str, float | None]) -> dict[str, float]:
    """Return the metrics that are numbers: MLflow stores infinity as 1.8e308.

    >>> finite_metrics({"rmse": 2, "r2": float("-inf"), "lag": None})
    {'rmse': 2.0}
    """
    named = own_names(metrics)
    return {
        named[name]: float(value)
        for name, value in metrics.items()
        if value is not None and math.isfinite(value)
    }


def to_params(values: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as MLflow stores them: bounded text under allowed names."""
    named = own_names(values)
    return {named[name]: bounded(value, PARAM_LIMIT) for name, value in values.items()}


def to_tags(values: Mapping[str, Any]) -> dict[str, str]:
    """Return tags as MLflow stores them, likewise."""
    named = own_names(values)
    return {named[name]: bounded(value, TAG_LIMIT) for name, value in values.items()}


def to_milliseconds(at: datetime) -> int:
    """Return a moment as MLflow counts it."""
    return int(at.timestamp() * 1000)
