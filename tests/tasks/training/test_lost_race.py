"""Of two retrainings that race, the later is judged again: on rows that it never learned from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.promotion.promote import promote
from tasks.training.finish import record_and_promote
from tests import life
from tests.tasks.monitoring.house import House

# Both verdicts are to pass: here it is asked which rows they judge, not how well.
GATE = {"max_slice_loss": 1.0, "max_calibration_error": 1.0, "slices": []}


@pytest.mark.parametrize("event_time", ["at", None])
def test_what_lost_its_race_is_judged_again_on_the_rows_that_were_held_out_from_it(
    tmp_path: Path, event_time: str | None
) -> None:
    changes = {"event_time": event_time, "gate": GATE}
    built = House(tmp_path, changes)
    built.arrive("a.csv", life.toy_rows(400))
    assert built.train().outcome == "promoted"
    built.arrive("b.csv", life.toy_rows(300, start=400))
    built.monitor()
    work, chosen, version = life.challenge(built.workspace, told=False)
    other = life.toy_workspace(tmp_path, **changes, training={"folds": 3})
    *_, sooner = life.challenge(other, told=False)
    # fitted on every row: beside it nothing is new, and the file's own share would be held out
    assert promote(other, sooner, by="ann", why="sooner", override="it is").outcome == "promoted"
    record_and_promote(work, chosen, version, "test")
    verdicts = [entry for entry in built.entries if entry.kind == "verdict"]
    first, again = (entry.figures for entry in verdicts if entry.version == version)
    assert first["champion"] != again["champion"]
    judged = [figures["verdict"]["rules"][0]["figures"] for figures in (first, again)]
    assert judged[0] == judged[1]
