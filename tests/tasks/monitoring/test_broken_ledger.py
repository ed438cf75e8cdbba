"""Nothing is decided by a ledger that was cut; rows are taken in, and a person is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import IntegrityError
from tasks.promotion.deciding import entries_to_decide_by
from tasks.promotion.promote import promote
from tasks.promotion.signing import accept_ledger
from tasks.reconciliation.readable import find_unreadable
from tasks.reconciliation.standing import read_standing
from tasks.reconciliation.waiting import find_waiting
from tasks.store.layout import commit
from tests import life
from tests.tasks.monitoring.house import House

WAY_OUT = "perennial verify toy --accept"


def test_nothing_is_decided_by_a_ledger_that_was_cut_until_a_person_accepts_it(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    workspace = house.workspace
    house.arrive("a.csv", life.toy_rows(300))
    (decided,) = house.monitor()
    assert house.monitor() == []
    assert {*find_waiting(workspace)} >= {"ingest", "monitor", "train"}
    newest = workspace.ledger.table.version()
    assert newest is not None
    workspace.bucket.delete(commit(workspace.layout.ledger, newest))

    house.arrive("b.csv", life.toy_rows(100, start=300))
    for decide in (
        house.monitor,
        house.plan,
        lambda: promote(workspace, 1, by="ada", why="it is better"),
        lambda: entries_to_decide_by(workspace),
    ):
        with pytest.raises(IntegrityError, match=WAY_OUT):
            decide()
    assert {*find_waiting(workspace)} == {"ingest", "label"}
    standing = read_standing(workspace)
    assert len(standing.batches) == 2
    assert [waits for waits in standing.waits if WAY_OUT in waits] != []
    assert [told for told in find_unreadable(workspace) if WAY_OUT in told] != []
    house.refuse("c.csv")
    assert house.entries[-1].id == "quarantine-c.csv"

    assert accept_ledger(workspace, "ada") == ("ledger as it is, 1 line",)
    assert accept_ledger(workspace, "ada") == ()
    assert read_standing(workspace).broken == ""
    again, fresh = house.monitor()
    assert again.id == decided.id
    assert fresh.recorded
