"""What MLflow is told of every policy of a backtest. Pure."""

from __future__ import annotations

from tasks.backtest.plan import BacktestPlan
from tasks.backtest.result import Backtest
from tasks.tracking.courses import CourseRecord
from tasks.training.plan import digest


def course_records(plan: BacktestPlan, backtest: Backtest) -> list[CourseRecord]:
    """Return a record a policy: its limits, its figures, and its quality batch by batch."""
    limits, metric = backtest.limits.to_dict(), backtest.history.metric
    made = []
    for line, course in zip(backtest.lines, backtest.courses, strict=True):
        lived = [
            (step.batch, step.live.value)
            for step in course.steps
            if step.judged and step.live is not None
        ]
        moved = [(step.batch, float(step.decision.retrain)) for step in course.steps]
        made.append(
            CourseRecord(
                name=line.policy,
                key=digest([plan.key, line.policy]),
                params={
                    "policy": line.policy,
                    **limits,
                    "metric": metric,
                    "recipe": backtest.history.recipe,
                    "data_version": plan.data.version,
                },
                metrics={
                    f"mean_{metric}": line.mean,
                    "retrainings": float(line.retrainings),
                    "cpu_seconds": line.cpu_seconds,
                    "against_static": line.against_static,
                    "against_bound": line.against_bound,
                    "on_front": float(line.on_front),
                },
                steps={metric: lived, "retrain": moved},
                note=backtest.recommendation.why,
            )
        )
    return made
