"""Every kind of page and of Markdown, by the module that makes it, from values full of hostility.

Whoever makes a new one adds it here; a test finds the module that is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd

from expectations.suite import Suite
from tasks.backtest.page import draw_page as backtest_page
from tasks.drift.compare import compare
from tasks.drift.report import draw_report as drift_html
from tasks.explanation.overview import ColumnShare, Overview
from tasks.explanation.surrogate import Surrogate
from tasks.features.schema import Columns
from tasks.monitoring.arrivals import Arrival
from tasks.monitoring.observation import Observation
from tasks.monitoring.observe import ObservedBatch
from tasks.monitoring.page import decision_markdown
from tasks.monitoring.record import RecordedDecision
from tasks.policy.decision import Decision
from tasks.policy.reading import SignalReading
from tasks.policy.situation import MetricValue
from tasks.predictions.judging import Answered
from tasks.predictions.live import Live
from tasks.promotion.gate import Verdict
from tasks.promotion.rule import Outcome
from tasks.readers.problem import Problem
from tasks.store.bucket import ObjectInfo
from tasks.training.insight import Insight, draw_explanation
from tasks.training.model_card import to_html, to_markdown, write_note
from tasks.validation.docs import index_page, validation_page
from tasks.validation.report import Check, Cleaning, Report
from tests.tasks.backtest.test_result import found
from tests.tasks.drift.scenes import profiled
from tests.tasks.pages.hostile import HOSTILE, taint
from tests.tasks.training import card

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
CARD = replace(card.CARD, images={"ROC": "plots/roc.png"})
CHECK = Check("be in set", "ward", False, 10, 3, 0.1, sample_rows=(1,), sample_values=("A", "B"))
REPORT = Report(
    "people", "incoming/a.csv", "ab" * 32, 9, "CSV", 9, 2, True, (Problem("kind", "age", "no"),),
    (CHECK, replace(CHECK, passed=True), replace(CHECK, observed="C", message="raised")),
    Cleaning(retyped=("cost",)),
)  # fmt: skip
VERDICT = Verdict(False, (Outcome("enough rows", False, "9 rows", "200 are needed"),))
SET = gxe.ExpectColumnValuesToBeInSet(column=f"ward{HOSTILE}", value_set=[HOSTILE, "A"])
SUITE = Suite((), (SET, SET, gxe.ExpectColumnMeanToBeBetween(column=HOSTILE, max_value=3)))
OBSERVED = Observation(
    *("people", "batch", 3, 4, "object", "first", "last", 9, 9, 0, None, None),
    suspicions=("all of one class",),
    warnings=("late",),
)
LIVE = Live(9, False, 9, MetricValue("roc_auc", 0.7, 0.6, 0.8, 9, 9), {}, {}, 3, {}, {"ann": 5})
ANSWERED = Answered(NOW, 1, LIVE, None, None, "it fell", "without ann it does not")
DECIDED = RecordedDecision(
    "id",
    Arrival("batch", 4, "incoming/a.csv", 9, NOW),
    Decision(True, "age 60d", "age", "It is old.", (SignalReading("age", True, "old"),), NOW),
    ObservedBatch(OBSERVED, np.zeros(9), pd.DataFrame()),
)


def drift_page() -> str:
    rng = np.random.default_rng(1)
    columns = Columns((f"wind{HOSTILE}", HOSTILE), (f"carrier{HOSTILE}",))
    frames = [
        pd.DataFrame(
            {
                columns.numbers[0]: rng.normal(shift, 1, 300).astype("float32"),
                columns.numbers[1]: np.full(300, np.nan, "float32"),
                columns.categories[0]: pd.Series(rng.choice([HOSTILE, "UA"], 300), dtype="str"),
            }
        )
        for shift in (0, 1)
    ]
    drift = compare(*(profiled(frame, columns) for frame in frames), importances={}, share=0.1)
    return drift_html(*frames, drift, columns).decode()


OVERVIEW = Overview(
    "shap", "log odds", "late", 9, "roc_auc", 9, (ColumnShare("wind", 0.2, 0.1, 0.01),),
    Surrogate((), 0.5, "R²"),
)  # fmt: skip
INSIGHT = Insight(OVERVIEW, {"beeswarm.png": b"png"}, {"beeswarm.png": "Each row"}, "no surrogate")


PAGES: dict[str, tuple[str, Callable[[], str]]] = {
    "validation": ("tasks.validation.report", lambda: taint(REPORT).to_html()),
    "data docs": ("tasks.validation.docs", lambda: validation_page(taint(REPORT), SUITE)),
    "index": (
        "tasks.validation.docs",
        lambda: index_page(HOSTILE, [ObjectInfo(f"docs/{HOSTILE}.{HOSTILE}.html", 1, "", NOW)]),
    ),
    "drift": ("tasks.drift.report", drift_page),
    "backtest": (
        "tasks.backtest.page",
        lambda: backtest_page(taint(found(count=9)), HOSTILE, HOSTILE).decode(),
    ),
    "explanation": (
        "tasks.training.insight",
        lambda: draw_explanation(HOSTILE, 3, taint(INSIGHT)),
    ),
    "model card": ("tasks.training.model_card", lambda: to_html(taint(CARD), {HOSTILE: b"png"})),
}
MARKDOWN: dict[str, tuple[str, Callable[[], str]]] = {
    "model card": ("tasks.training.model_card", lambda: to_markdown(taint(CARD))),
    "model card's head": ("tasks.training.model_card", lambda: write_note(taint(CARD))),
    "validation": ("tasks.validation.report", lambda: taint(REPORT).to_markdown()),
    "verdict": ("tasks.promotion.gate", lambda: taint(VERDICT).to_markdown()),
    "decision": ("tasks.monitoring.page", lambda: decision_markdown(taint(DECIDED))),
    "answers": ("tasks.predictions.judging", lambda: taint(ANSWERED).to_markdown()),
}
