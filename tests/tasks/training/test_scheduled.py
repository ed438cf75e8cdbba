from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tasks.ledger.entry import Entry
from tasks.policy.limits import Limits
from tasks.quantities import Budget
from tasks.training.scheduled import judge_scheduled

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
LIMITS = Limits(timedelta(days=1), Budget(2, timedelta(days=30)))


def decision(ago: timedelta, rule: str = "drift") -> Entry:
    figures = {"decision": {"retrain": True, "rule": rule, "at": "2013-01-01T00:00:00"}}
    return Entry("d", NOW - ago, "toy", "decision", 1, "monitor", "", figures)


def verdict(ago: timedelta, by: str) -> Entry:
    return Entry("v", NOW - ago, "toy", "verdict", 2, by, "", {})


DAYS = timedelta(days=1)


@pytest.mark.parametrize(
    ("entries", "word"),
    [
        ([], "due"),
        ([decision(0.5 * DAYS)], "not trained, cooldown"),
        ([decision(0.5 * DAYS, rule="no champion")], "due"),
        ([decision(3 * DAYS)], "due"),
        ([decision(3 * DAYS), verdict(9 * DAYS, "train (schedule)")], "not trained, budget"),
        ([decision(3 * DAYS), verdict(3 * DAYS, "train (monitor)")], "due"),
        ([decision(31 * DAYS), verdict(29 * DAYS, "train (schedule)")], "due"),
    ],
)
def test_a_scheduled_training_asks_cooldown_and_budget(entries: list[Entry], word: str) -> None:
    judged = judge_scheduled(entries, NOW, LIMITS, first=False)
    assert judged.word == word
    assert judged.goes_on == (word == "due")
    assert judged.why.endswith(".")


def test_the_first_model_waits_for_nothing() -> None:
    assert judge_scheduled([decision(DAYS / 2)], NOW, LIMITS, first=True).goes_on
