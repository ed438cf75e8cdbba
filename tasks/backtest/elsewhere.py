"""The models of a history on an engine: each is a job, whose worker reads the rows itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tasks.backtest.fitting import HistoryRows, Recipe
from tasks.backtest.plan import BacktestPlan, Recorded
from tasks.backtest.rows import read_rows
from tasks.backtest.workers import Answer, answer
from tasks.engine.call import hold
from tasks.engine.engine import Engine
from tasks.store.bucket import Bucket
from tasks.store.connect import reopen_bucket, tell_address


@dataclass(frozen=True)
class FitJob:
    """The model that is fitted on the batches up to `end`; `key` names the rows."""

    bucket: str
    plan: BacktestPlan
    key: str
    end: int

    def load(self) -> HistoryRows:
        """Read the rows from the bucket."""
        return read_rows(reopen_bucket(self.bucket), self.plan)[0]


def measure_elsewhere(
    engine: Engine, bucket: Bucket, plan: BacktestPlan, ends: Sequence[int]
) -> Iterator[tuple[int, Answer]]:
    """Yield each end with its model's figures, or with why there is no such model.

    Raises:
        EngineError: the cluster is lost.
    """
    jobs = plan_jobs(bucket, plan, ends)
    yield from zip((job.end for job in jobs), engine.map(fit_end, jobs), strict=True)


def plan_jobs(bucket: Bucket, plan: BacktestPlan, ends: Sequence[int]) -> list[FitJob]:
    """Return a job a model, the largest first, so that nobody waits for a last large one."""
    # what the ledger says beside is much, and no fit looks at it
    few = replace(plan, recorded=Recorded(without=plan.recorded.without))
    address, key = tell_address(bucket), plan.fits
    return [FitJob(address, few, key, end) for end in sorted(ends, reverse=True)]


def fit_end(job: FitJob) -> Answer:
    """Fit and judge a model in a worker, which keeps the rows for its next one."""
    rows = hold(f"{job.bucket} {job.key}", job.load)
    return answer(rows, Recipe(job.plan.pipeline, job.plan.setting), job.end)
