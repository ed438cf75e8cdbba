from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tasks.dataset.dataset import FEWEST
from tasks.ledger.entry import Entry
from tasks.monitoring.first import decide_first, decide_unreadable
from tasks.policy.policy import parse_policy

AT = datetime(2026, 5, 1)
ASKED = Entry(
    "decision-a", AT.replace(tzinfo=UTC), "toy", "decision", None, "monitor", "",
    {"decision": {"retrain": True}},
)  # fmt: skip


@pytest.mark.parametrize(
    ("labelled", "entries", "retrain", "rule"),
    [
        (FEWEST, [], True, "no champion"),
        (FEWEST - 1, [], False, "too few rows"),
        (FEWEST, [ASKED], False, "already running"),
    ],
)
def test_the_first_model_is_trained_once_there_are_rows(
    labelled: int, entries: list[Entry], retrain: bool, rule: str
) -> None:
    found = decide_first(parse_policy("static"), AT, labelled, entries)
    assert (found.retrain, found.rule, found.at) == (retrain, rule, AT)
    assert found.reason.startswith("Retraining." if retrain else "No retraining.")


def test_what_cannot_be_read_is_no_reason_to_retrain() -> None:
    found = decide_unreadable(parse_policy("drift"), AT, "no column size")
    assert (found.retrain, found.rule) == (False, "cannot be judged")
    assert found.reason.endswith("no column size")
