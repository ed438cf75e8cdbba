"""What the monitor makes of a batch that is poisoned, or old."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tasks.monitoring.record import RecordedDecision
from tests import life
from tests.tasks.monitoring.house import House

CHALLENGERS = ["refitted", "recent 10d", "warm"]
OFTEN = {"retraining": {"policy": "every 1 batches", "challengers": CHALLENGERS}}
SELDOM = {"retraining": {"policy": "new_rows 50%", "challengers": CHALLENGERS}}


def decided_on(folder: Path, changes: dict[str, object], rows: pd.DataFrame) -> RecordedDecision:
    """Return what is decided on rows that come to a champion of 600."""
    house = House(folder, changes)
    house.live_a_while(life.toy_rows(600))
    house.arrive("then.csv", rows)
    (decided,) = house.monitor()
    return decided


@pytest.mark.parametrize("poison", ["one class", "leak"])
def test_a_poisoned_batch_is_not_learned_from(tmp_path: Path, poison: str) -> None:
    rows = life.toy_rows(300, start=600)
    if poison == "one class":
        rows["high"] = 1
    else:
        rows["size"] = rows["high"] * 3.0
    found = decided_on(tmp_path, OFTEN, rows)
    assert (found.decision.retrain, found.decision.rule) == (False, "suspicious batch")
    assert found.seen is not None
    told = found.seen.observation.suspicions[0]
    assert {"one class": "of one class", "leak": "gives the target away"}[poison] in told
    assert told in found.decision.reason


def test_flipped_labels_under_a_model_that_knows_better_are_not_learned_from(
    tmp_path: Path,
) -> None:
    rows = life.toy_rows(400, start=600)
    sure = rows["size"].abs() > 1
    rows.loc[sure, "high"] = 1 - rows.loc[sure, "high"]
    found = decided_on(tmp_path, OFTEN, rows)
    assert found.decision.rule == "suspicious batch"
    assert found.seen is not None
    assert any("contradict" in told for told in found.seen.observation.suspicions)


def test_an_old_batch_turns_no_clock_back(tmp_path: Path) -> None:
    rows = life.toy_rows(100, start=9000)
    found = decided_on(tmp_path, SELDOM, rows.assign(at=rows["at"] - pd.Timedelta(days=500)))
    assert found.seen is not None
    assert found.seen.observation.known == 100
    assert f"{found.decision.at:%Y-%m-%d}" >= "2024-01-25"
    readings = {reading.signal: reading for reading in found.decision.readings}
    assert readings["performance"].fired is None
