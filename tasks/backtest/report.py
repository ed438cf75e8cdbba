"""Write a backtest's page and figures into the bucket, and say what it found, also to MLflow."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tasks.backtest.history import History
from tasks.backtest.page import draw_page
from tasks.backtest.plan import BacktestPlan
from tasks.backtest.result import Backtest
from tasks.backtest.table import FitTable
from tasks.documents import seal
from tasks.faults import external_write
from tasks.policy.amounts import duration_text
from tasks.records import plain
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout
from tasks.tracking.courses import CourseRecord
from tasks.training.plan import digest

# Hexadecimal digits, 64 bits: pages have short names, and no two plans share one.
SHOWN = 16


def backtest_keys(plan: BacktestPlan) -> dict[str, str]:
    """Return where the page and the figures of a backtest lie."""
    layout, name = Layout(plan.pipeline.name), plan.key[:SHOWN]
    return {kind: layout.report("backtest", f"{name}.{kind}") for kind in ("html", "json")}


def write_backtest(
    bucket: Bucket, plan: BacktestPlan, filled: FitTable, backtest: Backtest
) -> dict[str, Any]:
    """Write page and figures, and return the outcome: all but the courses and the fits."""
    at, content = backtest_keys(plan), backtest.to_dict()
    outcome = describe_outcome(plan, filled, backtest.history, content)
    document = json.dumps(seal("backtest", {**content, **outcome}), indent=1, allow_nan=False)
    with external_write("backtest.report"):
        # the page last: who finds it finds its figures, and a rerun writes the same two again
        bucket.put(at["json"], document.encode(), content_type="application/json")
        text = draw_page(backtest, plan.pipeline.name, delay_text(plan.delay))
        bucket.put(at["html"], text, content_type="text/html; charset=utf-8")
    return outcome


def describe_outcome(
    plan: BacktestPlan, filled: FitTable, history: History, content: dict[str, Any]
) -> dict[str, Any]:
    """Return what the flow hands on of the `content` of a backtest; JSON values."""
    whole = ("policies", "oracle", "naive", "recommendation", "notes", "limits")
    return {
        "pipeline": plan.pipeline.name,
        "key": plan.key,
        "data_version": plan.data.version,
        "labels_version": plan.labels,
        "metric": history.metric,
        "greater_is_better": history.greater_is_better,
        "recipe": plain({"setting": plan.setting, "origin": plan.origin, "text": history.recipe}),
        "label_delay": delay_text(plan.delay),
        "own": str(plan.own),
        "batches": len(history.batches),
        "first": history.first,
        "judged": len(history.judged),
        "fits": {
            "fitted": filled.fitted,
            "kept": filled.kept,
            "refused": {history.batches[end].name: why for end, why in filled.refused.items()},
            "cpu_seconds": round(sum(fit.cpu_seconds for fit in history.fits.values()), 3),
        },
        "report": backtest_keys(plan),
        **{name: content[name] for name in whole},
    }


def course_records(plan: BacktestPlan, backtest: Backtest) -> list[CourseRecord]:
    """Return a record a policy: its limits, its figures, and its quality batch by batch."""
    metric, made = backtest.history.metric, []
    for line, course in zip(backtest.lines, backtest.courses, strict=True):
        moved = [(step.batch, float(step.decision.retrain)) for step in course.steps]
        made.append(
            CourseRecord(
                name=line.policy,
                key=digest([plan.key, line.policy]),
                params={
                    "policy": line.policy,
                    **backtest.limits.to_dict(),
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
                steps={metric: course.lived, "retrain": moved},
                note=backtest.recommendation.why,
            )
        )
    return made


def delay_text(delay: timedelta) -> str:
    """Say when labels come.

    >>> delay_text(timedelta(0)), delay_text(timedelta(days=7))
    ('with the batch', '7d after the event')
    """
    return f"{duration_text(delay)} after the event" if delay else "with the batch"
