"""A class that the champion does not know: no figure hides its rows, and the policy sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests import life
from tests.tasks.monitoring.house import House


def with_new_class(share: float, start: int) -> pd.DataFrame:
    """Return rows of which a share, the first ones, are of class 2."""
    rows = life.toy_rows(300, start=start)
    rows.loc[: int(share * 300) - 1, "high"] = 2
    return rows


def with_three_classes(folder: Path) -> House:
    house = House(folder)
    content = house.workspace.pipeline.model_dump(mode="json")
    content |= {"task": "multiclass", "training": {**content["training"], "metric": "accuracy"}}
    pipeline = type(house.workspace.pipeline).model_validate(content)
    object.__setattr__(house.workspace, "pipeline", pipeline)
    return house


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = with_three_classes(tmp_path)
    house.live_a_while(life.toy_rows(600))
    return house


def test_its_rows_are_counted_beside_the_figure_and_lead_to_a_retraining(house: House) -> None:
    house.arrive("new.csv", with_new_class(0.2, start=600))
    (decided,) = house.monitor()
    assert decided.seen is not None
    seen = decided.seen.observation
    assert seen.live is not None
    assert (seen.live.labelled, seen.live.unknown, seen.labelled) == (240, 60, 300)
    assert seen.live.unknown_share == 0.2
    assert "60 labels are of classes that the model does not know (2); no figure counts them." in (
        seen.warnings
    )
    (reading,) = [r for r in decided.decision.readings if r.signal == "performance"]
    assert reading.fired
    assert reading.said == (
        "20.0% of the labels (60 rows) are of classes that the champion does not know, more than "
        "the 2.0% allowed."
    )
    assert type(seen).from_dict(seen.to_dict()).live == seen.live
    assert seen.drift is not None
    assert seen.drift.target is not None
    assert (seen.drift.target.unseen, seen.drift.target.drifted) == (0.2, True)
    assert seen.drift.summary.endswith("the target drifted.")


def test_a_batch_of_nothing_else_has_no_figure_and_says_why(house: House) -> None:
    house.arrive("new.csv", with_new_class(1.0, start=600))
    (decided,) = house.monitor()
    assert decided.seen is not None
    live = decided.seen.observation.live
    assert live is not None
    assert (live.labelled, live.unknown, np.isnan(live.value)) == (0, 300, True)
    assert decided.decision.retrain


def test_a_few_rows_of_it_are_told_and_start_nothing(house: House) -> None:
    house.arrive("new.csv", with_new_class(0.03, start=600))
    (decided,) = house.monitor()
    (reading,) = [r for r in decided.decision.readings if r.signal == "performance"]
    assert "and 9 rows more of classes it does not know" in reading.said
    assert reading.figures["unknown"] == 9


def test_the_gate_says_on_how_many_rows_its_figures_stand(tmp_path: Path) -> None:
    house = with_three_classes(tmp_path)
    rows = life.toy_rows(600)
    rows.loc[570:, "high"] = 2
    house.arrive("first.csv", rows)
    ended = house.train()
    (rule,) = [rule for rule in ended.verdict.rules if rule.rule == "knows the classes"]
    assert rule.passed
    assert "30 of " in rule.figures
    assert "of classes that came after the rows it was fitted on" in rule.figures
