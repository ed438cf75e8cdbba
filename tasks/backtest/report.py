"""Write a backtest's page and its figures into the bucket, and say what it found."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tasks.backtest.page import draw_page
from tasks.backtest.plan import BacktestPlan
from tasks.backtest.result import Backtest
from tasks.backtest.table import FitTable
from tasks.documents import seal
from tasks.faults import external_write
from tasks.policy.amounts import duration_text
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout

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
    at = backtest_keys(plan)
    outcome = describe_outcome(plan, filled, backtest)
    sealed = seal("backtest", {**backtest.to_dict(), **outcome})
    document = json.dumps(sealed, indent=1, allow_nan=False)
    with external_write("backtest.report"):
        bucket.put(at["json"], document.encode(), content_type="application/json")
        text = draw_page(backtest, plan.pipeline.name, delay_text(plan.delay))
        bucket.put(at["html"], text, content_type="text/html; charset=utf-8")
    return outcome


def describe_outcome(plan: BacktestPlan, filled: FitTable, backtest: Backtest) -> dict[str, Any]:
    """Return what the flow hands on; JSON values."""
    history = backtest.history
    content = backtest.to_dict()
    whole = ("policies", "oracle", "naive", "recommendation", "notes", "limits")
    return {
        "pipeline": plan.pipeline.name,
        "key": plan.key,
        "data_version": plan.data.version,
        "labels_version": plan.labels,
        "metric": history.metric,
        "greater_is_better": history.greater_is_better,
        "recipe": {**plan.recipe, "text": history.recipe},
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


def delay_text(delay: timedelta) -> str:
    """Say when labels come.

    >>> delay_text(timedelta(0)), delay_text(timedelta(days=7))
    ('with the batch', '7d after the event')
    """
    return f"{duration_text(delay)} after the event" if delay else "with the batch"
