"""What every step of one training run works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tasks.config import Pipeline
from tasks.dataset.dataset import Dataset
from tasks.errors import IntegrityError, NotFound
from tasks.faults import external_write
from tasks.metering import Cost, measure_cost, sum_costs
from tasks.policy.challengers import ChallengerSpec, parse_challenger, plan_challengers
from tasks.promotion import pointer
from tasks.promotion.best_before import find_best_before
from tasks.promotion.deciding import entries_to_decide_by
from tasks.promotion.model_version import ModelVersion
from tasks.promotion.pointer import Champion
from tasks.promotion.versions import load
from tasks.records import read
from tasks.store.results import Remembered, recall, remember
from tasks.training.plan import TrainingPlan, digest
from tasks.training.rows import load_dataset
from tasks.training.selecting import select_features
from tasks.training.warm_start import find_obstacle
from tasks.workspace import Workspace

Computed = tuple[dict[str, Any], Mapping[str, bytes]]


# compared by identity: two runs of one plan hold different champions
@dataclass(eq=False)
class Work:
    """One training run: its plan, and what is loaded at most once for all of its steps.

    `spent_elsewhere` are the CPU seconds that workers of an engine spent on it.
    """

    workspace: Workspace
    plan: TrainingPlan
    costs: dict[str, Cost] = field(default_factory=dict)
    spent_elsewhere: float = 0.0
    beside: list[Cost] = field(default_factory=list)

    @property
    def pipeline(self) -> Pipeline:
        return self.workspace.pipeline

    @cached_property
    def dataset(self) -> Dataset:
        """The labelled rows of the pinned data version, with the labels that came later."""
        with self.measured_beside():
            bucket, pipeline = self.workspace.bucket, self.pipeline
            data = load_dataset(bucket, pipeline, self.plan, self.known_until)
            return select_features(data, pipeline)

    @contextmanager
    def measured_beside(self) -> Iterator[None]:
        """Measure what is no step, and so is not kept with a result: `beside` has what it took."""
        with measure_cost() as meter:
            yield
        self.beside.append(meter.cost)

    @cached_property
    def known_until(self) -> np.datetime64 | None:
        """The last time that the champion was fitted on; None without one."""
        return None if self.reigning is None else self.seen_until(self.reigning)

    def seen_until(self, version: ModelVersion) -> np.datetime64:
        """Return the last time of this pipeline's rows that a version was fitted on."""
        ordered = self.pipeline.event_time is not None
        return version.manifest.lineage.seen_until(ordered=ordered)

    @cached_property
    def key(self) -> str:
        """What the results of its steps are kept under: the plan, and what is held out."""
        return digest([self.plan.key, self.dataset.split.name])

    @cached_property
    def warm_obstacle(self) -> str | None:
        """Why a warm challenger becomes a refitted one; None where it does not."""
        asked = any(parse_challenger(text).kind == "warm" for text in self.plan.challengers)
        if not asked or self.reigning is None:
            return None
        transform = self.pipeline.features.transform
        return find_obstacle(self.reigning.manifest, self.dataset, transform)

    @cached_property
    def challengers(self) -> tuple[ChallengerSpec, ...]:
        champion, warm = self._pointer is not None, self.warm_obstacle is None
        return plan_challengers(self.plan.challengers, champion=champion, warm=warm)

    # read once: what is compared and what is replaced must be the same champion
    @cached_property
    def _pointer(self) -> tuple[Champion, str] | None:
        return pointer.read_newest(self.workspace)

    @property
    def pointer_tag(self) -> str | None:
        """The pointer's entity tag that this run's comparison was made against."""
        return None if self._pointer is None else self._pointer[1]

    @cached_property
    def reigning(self) -> ModelVersion | None:
        """The champion, every check made (see `load`); None where there is none."""
        if self._pointer is None:
            return None
        champion = self._pointer[0]
        reigning = load(self.workspace, champion.version, champion.digest)
        if reigning.manifest.task != self.pipeline.task:
            rule = f"the champion's task is the file's, {self.pipeline.task}"
            remedy = "Give the pipeline another name: its champion cannot be compared."
            raise IntegrityError(self.pipeline.name, rule, reigning.manifest.task, remedy)
        return reigning

    @cached_property
    def best_before(self) -> ModelVersion | None:
        """The version before the champion that the recorded gains make better, if it loads."""
        if self.reigning is None:
            return None
        champion = self.reigning.manifest
        best = find_best_before(entries_to_decide_by(self.workspace), champion.version)
        if best is None:
            return None
        # an old one may be gone, or be damaged: then there is nothing to compare with
        try:
            found = load(self.workspace, best)
        except (NotFound, IntegrityError):
            return None
        same = (found.manifest.task, found.manifest.classes) == (champion.task, champion.classes)
        return found if same else None

    def read_pointer_anew(self) -> Work:
        """Return the same run beside the champion that is in service now.

        Its rows stay parted as they are: beside the new champion others would be held out, and
        what was fitted already has learned from some of them.
        """
        again = Work(self.workspace, self.plan, self.costs, beside=self.beside)
        again.dataset = self.dataset
        return again

    def compute_once(
        self, step: str, write: str, compute: Callable[[], Computed], key: str | None = None
    ) -> tuple[Remembered, bool]:
        """Return a step's result and whether it was there already; compute and keep it if not.

        What it took is kept with it, and noted in `costs`.
        """
        bucket, key = self.workspace.bucket, key or self.key
        keyring = self.workspace.keyring
        known = recall(bucket, key, step, keyring=keyring)
        found = known is not None
        if known is None:
            before = self.spent_elsewhere
            with measure_cost() as meter:
                document, files = compute()
            cost = meter.cost.plus(self.spent_elsewhere - before)
            kept = {"value": document, "cost": cost.to_dict()}
            # the cost is kept with the result, so that a run that died is counted, and once
            with external_write(write):
                known = remember(bucket, key, step, kept, files, keyring=keyring)
        self.costs[step] = read(Cost, known.document["cost"], step)
        return Remembered(known.document["value"], known.files), found

    @property
    def cost(self) -> Cost:
        """What its steps took so far, whether in this run or in one that died."""
        return sum_costs(self.costs.values())
