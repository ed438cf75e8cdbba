"""The live monitor and a replay see the same batch alike, and make the same of the same past."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.backtest.history import History
from tasks.backtest.known import InformationSet, Service
from tasks.backtest.pinning import plan_backtest
from tasks.backtest.table import fit_history
from tasks.drift.drift import ColumnDrift, DatasetDrift
from tasks.ledger.entry import Entry
from tasks.ledger.suspicion import clearance
from tasks.monitoring.arrivals import Arrival
from tasks.monitoring.champion import read_lineage
from tasks.monitoring.observation import Observation
from tasks.monitoring.past import ChampionLineage, recorded_past
from tasks.policy.detectors import detect_change
from tasks.policy.limits import Limits
from tasks.policy.past import Past, situation
from tasks.policy.signals import SIGNALS
from tasks.policy.situation import Situation
from tasks.promotion.versions import load_champion
from tests import life
from tests.life import toy_rows
from tests.tasks.backtest.scenes import DAY, history, situation_after
from tests.tasks.monitoring.house import House
from tests.tasks.policy.scenes import QUIET

BOTH_WAYS = pytest.mark.parametrize("upwards", [True, False])
SERVICES = [Service(1, 1), Service(4, 4), Service(7, 7)]
LAST = 9


def drifted(share: float, limit: float) -> DatasetDrift:
    """Return a drift of this share."""
    size = ColumnDrift("size", "number", "psi", 1.0, 0.1, 1.0, (0.0, 0.0), 0.0, 1.0, True, "")
    columns = (size,) if share else ()
    return DatasetDrift((9, 9), share, limit, share >= limit, columns, (), None, "")


def source(*, upwards: bool) -> History:
    """Return a history with a refusal and a batch that is held back."""
    made = history(11, fade=0.03, seed=3, upwards=upwards)
    batches = tuple(
        replace(one, suspicions=("All rows are of one class.",), held=True) if at == 8 else one
        for at, one in enumerate(made.batches)
    )
    cells = {
        key: replace(cell, drift=replace(cell.drift, worst="size" if cell.drift.share else ""))
        for key, cell in made.cells.items()
        if cell.drift is not None
    }
    refusals = (made.batches[3].arrived + DAY, made.batches[6].arrived + DAY)
    return replace(made, batches=batches, cells=cells, refusals=refusals)


def as_ledger(made: History, at: int) -> Past:
    """Tell the same history as the ledger and the tables would, up to batch `at`."""
    found = [
        Arrival(f"batch-{place}", place, one.name, one.rows, one.arrived)
        for place, one in enumerate(made.batches[: at + 1])
    ]
    seen = [_observation(made, place) for place in range(made.first + 1, at + 1)]
    entries = [*_refusals(made, found[at]), *_retrainings(made, at)]
    entries += [_decision(made, one) for one in seen[:-1]]
    entries.sort(key=lambda entry: (entry.at, entry.id))
    service = _in_force(at)
    fit = made.fits[service.end]
    champion = ChampionLineage(service.end, service.end, fit.rows, fit.until, fit.reference)
    errors = [made.cells[service.end, one].errors for one in range(service.since + 1, at + 1)]
    stream = detect_change(np.concatenate([one for one in errors if one is not None]))
    upwards = made.greater_is_better
    return recorded_past(champion, seen[-1], stream, found, entries, greater_is_better=upwards)


def _in_force(at: int) -> Service:
    return [one for one in SERVICES if one.since < at][-1]


def _observation(made: History, at: int) -> Observation:
    service, batch = _in_force(at), made.batches[at]
    cell, before = made.cells[service.end, at], [s for s in SERVICES if s.since < service.since]
    assert cell.drift is not None
    gain = None
    if before:
        old = made.values[before[-1].end, at]
        gain = made.sign * (made.values[service.end, at] - old)
        gain = float(gain if made.greater_is_better else gain / old)
    return Observation(
        "toy", f"batch-{at}", service.end, at, batch.name, batch.start.isoformat(),
        batch.end.isoformat(), batch.rows, batch.labelled, 0, cell.live, cell.estimated,
        drift=drifted(cell.drift.share, cell.drift.limit), suspicions=batch.suspicions,
        clock=batch.end.isoformat(), gain=gain,
    )  # fmt: skip


def _decision(made: History, seen: Observation) -> Entry:
    at = made.batches[seen.data_version].arrived + timedelta(minutes=1)
    yes = seen.data_version in {one.since for one in SERVICES[1:]}
    decision = {"retrain": yes, "rule": "every", "at": seen.last}
    figures = {"decision": decision, "observation": seen.to_dict(), "batch": seen.batch}
    name = f"decision-{seen.batch}"
    return Entry(name, at, "toy", "decision", seen.version, "monitor", "", figures)


def _refusals(made: History, last: Arrival) -> list[Entry]:
    bad = [one for one in made.refusals if one <= last.at]
    return [Entry(f"bad-{at}", at, "toy", "quarantine", None, "ingest", "") for at in bad]


def _retrainings(made: History, at: int) -> list[Entry]:
    """Return the verdict that answers each retraining; the gate measured nothing."""
    return [
        Entry(
            f"verdict-{one.end}",
            made.batches[one.since].arrived + timedelta(minutes=9),
            "toy",
            "verdict",
            one.end,
            "train",
            "",
            {
                "decision": f"decision-batch-{one.since}",
                "gain": None,
                "cost": {"cpu_seconds": made.fits[one.end].cpu_seconds},
            },
        )
        for one in SERVICES[1:]
        if one.since < at
    ]


@BOTH_WAYS
@pytest.mark.parametrize("at", range(2, LAST + 1))
def test_the_same_history_gives_the_same_situation_to_both(at: int, upwards: bool) -> None:
    made = source(upwards=upwards)
    replayed = situation_after(
        InformationSet(made), [one for one in SERVICES if one.since < at], at
    )
    assert vars(situation(as_ledger(made, at))) == vars(replayed)


class Traced(Situation):
    """A situation that notes which of its fields are read."""

    def __getattribute__(self, name: str) -> Any:
        if name in FIELDS:
            READ.add(name)
        return super().__getattribute__(name)


FIELDS = {one.name for one in fields(Situation)}
READ: set[str] = set()


@pytest.mark.parametrize("name", SIGNALS)
def test_every_registered_signal_is_known_live_and_replayed(name: str) -> None:
    """No signal reads what only one of the two fills."""
    made = source(upwards=True)
    live = situation(as_ledger(made, LAST))
    replayed = situation_after(InformationSet(made), SERVICES, LAST)
    traced = Traced(**{one: getattr(QUIET, one) for one in FIELDS})
    READ.clear()
    SIGNALS[name].reader(None, traced, Limits())
    for read in READ:
        for known in (live, replayed):
            assert getattr(known, read) is not None, f"{name} reads {read}"
        assert getattr(live, read) == getattr(replayed, read)
    if SIGNALS[name].measured:
        assert READ, "it looks at something"
        for known in (live, replayed):
            assert SIGNALS[name].reader(None, known, Limits()).fired is not None


def test_a_batch_is_seen_by_the_monitor_as_by_a_backtest(tmp_path: Path) -> None:
    """The same model on the same rows: fitted, judged and watched once in each way."""
    house = House(tmp_path, {"retraining": {"policy": "static"}})
    house.live_a_while(toy_rows(600))
    for start in (600, 900, 1200):
        house.arrive(f"{start}.csv", toy_rows(300, start))
    house.refuse("bad")
    decided = house.monitor()
    manifest = load_champion(house.workspace).manifest
    plan = plan_backtest(house.workspace, ["static"])
    told = fit_history(house.workspace, plan, lambda _line: None, workers=1).history
    assert told.first == 0
    fit, champion = told.fits[0], read_lineage(manifest, house.workspace.pipeline.metric)
    assert (fit.rows, fit.until) == (champion.fitted_rows, champion.fitted_until)
    assert vars(fit.reference) == pytest.approx(vars(champion.reference), abs=1e-4)
    known, service = InformationSet(told), Service(0, 0)
    for at, one in enumerate(decided, start=1):
        assert one.seen is not None
        cell, seen = told.cells[0, at], one.seen.observation
        assert vars(cell.live) == pytest.approx(vars(seen.live), abs=1e-4)
        assert vars(cell.estimated) == pytest.approx(vars(seen.estimated), abs=1e-4)
        assert cell.drift is not None
        assert cell.drift.share == pytest.approx(seen.drift_share)
        assert cell.errors == pytest.approx(one.seen.errors, abs=1e-5)
        again = situation_after(known, [service], at)
        assert again.at == one.decision.at
        assert again.learnable == 300 * min(at, 2), "no model is fitted on the last batch"
    assert len(told.refusals) == 1
    assert all(one.arrived.tzinfo is UTC for one in told.batches)


def test_a_batch_that_is_held_back_is_fitted_on_by_neither(tmp_path: Path) -> None:
    house = House(tmp_path, {"retraining": {"policy": "static"}})
    house.live_a_while(toy_rows(600))
    one_class = house.arrive("600.csv", toy_rows(300, 600).assign(high=1))
    for start in (900, 1200):
        house.arrive(f"{start}.csv", toy_rows(300, start))
    house.monitor()

    def fitted() -> History:
        plan = plan_backtest(house.workspace, ["static"])
        return fit_history(house.workspace, plan, lambda _line: None, workers=1).history

    held = fitted()
    assert [one.held for one in held.batches] == [False, True, False, False]
    assert "of one class" in held.batches[1].suspicions[0]
    assert held.recipe.endswith("without 1 batch held back")
    assert [fit.rows for fit in held.fits.values()] == [600, 600, 900]
    entry = clearance(house.entries, "toy", one_class[:12], "me", "it was a strike")
    house.workspace.ledger.append(entry)
    cleared = fitted()
    assert [fit.rows for fit in cleared.fits.values()] == [600, 900, 1200]
    assert cleared.batches[1].suspicions == held.batches[1].suspicions, "it did look so then"


def test_what_a_held_batch_corrects_stands_for_both(tmp_path: Path) -> None:
    """Live, no training learns from it, so that the rows that it corrects stay as they were."""
    changes = {"retraining": {"policy": "static"}, "data": {"updates": "newest"}}
    workspace, first = life.toy_workspace(tmp_path, **changes), toy_rows(600)
    life.ingest(workspace, "first.csv", first)
    life.monitor(workspace)
    assert life.train(workspace, told=False).outcome == "promoted"
    odd = pd.concat([first.tail(50), toy_rows(250, 600)]).assign(high=1)
    landed = life.ingest(workspace, "odd.csv", odd.assign(size=odd["size"].fillna(0) + 1))
    assert (landed.outcome, landed.rows) == ("accepted", 300)
    for start in (900, 1200):
        life.ingest(workspace, f"{start}.csv", toy_rows(300, start))
    life.monitor(workspace)
    plan = plan_backtest(workspace, ["static"])
    told = fit_history(workspace, plan, lambda _line: None, workers=1).history
    assert [one.held for one in told.batches] == [False, True, False, False]
    assert [fit.rows for fit in told.fits.values()] == [600, 600, 900]


def test_a_row_from_the_future_joins_no_later_batch(tmp_path: Path) -> None:
    house = House(tmp_path, {"retraining": {"policy": "static"}})
    slip = toy_rows(600)
    slip.loc[0, "at"] = slip["at"].max() + timedelta(days=9999)
    house.live_a_while(slip)
    for start in (600, 900, 1200):
        house.arrive(f"{start}.csv", toy_rows(300, start))
    plan = plan_backtest(house.workspace, ["static"])
    told = fit_history(house.workspace, plan, lambda _line: None, workers=1).history
    assert [one.rows for one in told.batches] == [600, 300, 300, 300]
    assert max(one.end for one in told.batches).year == 2024
