from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from tasks.drift.drift import ColumnDrift, DatasetDrift
from tasks.monitoring.arrivals import Arrival
from tasks.monitoring.observation import Observation
from tasks.monitoring.observe import ObservedBatch
from tasks.monitoring.page import decision_markdown, drift_rows
from tasks.monitoring.record import RecordedDecision
from tasks.policy.decision import decide
from tasks.policy.limits import Limits
from tasks.policy.policy import parse_policy
from tests.tasks.policy.scenes import QUIET, figure

SIZE = ColumnDrift("size|mm", "number", "psi", 0.5, 0.1, 0.5, (0.0, 0.25), 0.1, 0.7, True, "moved")
DRIFT = DatasetDrift((9, 9), 0.7, 0.3, True, (SIZE,), (), None, "1 of 1 columns drifted.")
SEEN = Observation(
    "toy", "ab12", 3, 1, "toy/incoming/b.csv", "2026-04-01", "2026-04-30", 200, 150, 0,
    figure(0.65), figure(0.7), drift=DRIFT, suspicions=("Odd labels.",),
)  # fmt: skip
ARRIVAL = Arrival("ab12", 1, "toy/incoming/b.csv", 200, datetime(2026, 5, 1, tzinfo=UTC))
SITUATION = replace(QUIET, live=figure(0.65), suspicions=SEEN.suspicions)
DECISION = decide(parse_policy("performance"), SITUATION, Limits())
DECIDED = RecordedDecision(
    "decision-ab12", ARRIVAL, DECISION, ObservedBatch(SEEN, np.zeros(0), pd.DataFrame())
)


def test_a_decision_is_told_with_what_was_seen_and_what_every_signal_read() -> None:
    text = decision_markdown(DECIDED)
    assert text.startswith("**No retraining**: suspicious batch")
    assert "- Version 3 on 200 rows, 150 of them labelled" in text
    assert "- **Odd labels.**" in text
    assert "| performance | **yes** |" in text
    assert "| error_drift | no |" in text
    assert text.endswith("Policy: performance\n")


def test_a_row_is_told_for_every_column_of_the_drift() -> None:
    (row,) = drift_rows(DECIDED)
    assert row["column"] == "size|mm"
    assert (row["drifted"], row["missing"]) == ("yes", "0.0% to 25.0%")
    assert drift_rows(replace(DECIDED, seen=None)) == []


def test_a_fall_that_fired_is_an_event_although_nothing_is_retrained() -> None:
    ((name, said),) = DECIDED.events
    assert name == "perennial.performance.degraded"
    assert "worse by" in said["summary"]


def test_an_observation_reads_back() -> None:
    assert Observation.from_dict(SEEN.to_dict()) == replace(SEEN, clock=None)
