"""Small losses do not add up: a challenger is held to the best version there was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tasks.promotion.promote import promote, rollback
from tasks.training.comparison import compare_with_best
from tasks.training.work import Work
from tests.life import toy_rows
from tests.tasks.monitoring.house import House

WHO = {"by": "ada", "why": "we try it"}


def without_size(house: House) -> None:
    """Let the file leave out what decides: what is trained from then on is far worse."""
    features = house.workspace.pipeline.features.model_copy(update={"exclude": ("size",)})
    pipeline = house.workspace.pipeline.model_copy(update={"features": features})
    house.workspace = replace(house.workspace, pipeline=pipeline)


def test_what_is_as_good_as_a_bad_champion_is_held_to_the_one_before(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.live_a_while(toy_rows(1500))
    without_size(house)
    house.arrive("b.csv", toy_rows(600, start=1500))
    refused = house.train()
    assert "not worse than the champion" in refused.summary
    promote(house.workspace, 2, **WHO, override="the size is no longer known")
    house.arrive("c.csv", toy_rows(1500, start=2100))
    ended = house.train()
    (told,) = ended.verdict.reasons
    assert (ended.outcome, told.partition(":")[0]) == ("refused", "not worse than the best before")
    assert "losses added up" in told
    assert "under version 1" in told
    assert ended.verdict.ways_through("toy", 3).startswith("What lets it through: gate.max_slice_")


def test_one_that_a_person_went_back_from_is_no_measure(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.live_a_while(toy_rows(1500))
    without_size(house)
    house.arrive("b.csv", toy_rows(600, start=1500))
    house.train()
    promote(house.workspace, 2, **WHO, override="the size is no longer known")
    promote(house.workspace, 1, **WHO)
    rollback(house.workspace, **WHO, override="the size is no longer known")
    house.arrive("c.csv", toy_rows(1500, start=2100))
    ended = house.train()
    assert (ended.outcome, ended.verdict.reasons) == ("promoted", ())


def test_one_whose_transform_is_gone_is_no_measure_and_stops_no_training(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.live_a_while(toy_rows(1500))
    without_size(house)
    house.arrive("b.csv", toy_rows(600, start=1500))
    house.train()
    promote(house.workspace, 2, **WHO, override="the size is no longer known")
    house.arrive("c.csv", toy_rows(1500, start=2100))
    work = Work(house.workspace, house.plan())
    best, even = work.best_before, np.full((len(work.dataset.split.judged), 2), 0.5)
    assert best is not None
    assert compare_with_best(work, even) is not None
    lineage = replace(best.manifest.lineage, transform="moved.elsewhere:speed")
    work.best_before = replace(best, manifest=replace(best.manifest, lineage=lineage))
    assert compare_with_best(work, even) is None
