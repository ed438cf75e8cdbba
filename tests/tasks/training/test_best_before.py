"""Small losses do not add up: a challenger is held to the best version there was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.promotion.promote import promote, rollback
from tasks.training.comparison import compare_with_best
from tasks.training.work import Work
from tests.kept import put_kept
from tests.life import toy_rows
from tests.tasks.monitoring.house import House

WHO = {"by": "ada", "why": "we try it"}
UNKNOWN = "the size is no longer known"


def forgetful(folder: Path) -> House:
    """Return a house whose file leaves out what decides."""
    made = House(folder)
    features = made.workspace.pipeline.features.model_copy(update={"exclude": ("size",)})
    pipeline = made.workspace.pipeline.model_copy(update={"features": features})
    made.workspace = replace(made.workspace, pipeline=pipeline)
    return made


def forget(folder: Path) -> None:
    House(folder).live_a_while(toy_rows(1500))
    made = forgetful(folder)
    made.arrive("b.csv", toy_rows(600, start=1500))
    assert "not worse than the champion" in made.train().summary
    promote(made.workspace, 2, **WHO, override=UNKNOWN)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return a house with version 2 in service, which is far worse than version 1."""
    put_kept(__name__, forget, tmp_path)
    return forgetful(tmp_path)


def test_what_is_as_good_as_a_bad_champion_is_held_to_the_one_before(house: House) -> None:
    house.arrive("c.csv", toy_rows(1500, start=2100))
    ended = house.train()
    (told,) = ended.verdict.reasons
    assert (ended.outcome, told.partition(":")[0]) == ("refused", "not worse than the best before")
    assert "losses added up" in told
    assert "under version 1" in told
    assert ended.verdict.ways_through("toy", 3).startswith("What lets it through: gate.max_slice_")


def test_one_that_a_person_went_back_from_is_no_measure(house: House) -> None:
    promote(house.workspace, 1, **WHO)
    rollback(house.workspace, **WHO, override=UNKNOWN)
    house.arrive("c.csv", toy_rows(1500, start=2100))
    ended = house.train()
    assert (ended.outcome, ended.verdict.reasons) == ("promoted", ())


def test_one_whose_transform_is_gone_is_no_measure_and_stops_no_training(house: House) -> None:
    house.arrive("c.csv", toy_rows(1500, start=2100))
    house.monitor()
    work = Work(house.workspace, house.plan())
    best, even = work.best_before, np.full((len(work.dataset.split.judged), 2), 0.5)
    assert best is not None
    assert compare_with_best(work, even) is not None
    lineage = replace(best.manifest.lineage, transform="moved.elsewhere:speed")
    work.best_before = replace(best, manifest=replace(best.manifest, lineage=lineage))
    assert compare_with_best(work, even) is None
