"""A trial judged by the labels of what was really answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tasks.config import Pipeline
from tasks.ledger.ledger import ledger_of
from tasks.predictions.judging import Answered, judge_answers
from tasks.predictions.table import predictions_table, rows_of
from tasks.promotion import pointer, trials
from tasks.promotion.pointer import Champion
from tasks.promotion.trial import Trial
from tasks.promotion.trials import standing
from tasks.promotion.versions import manifest_of
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tasks.workspace import Place, make_workspace
from tests.tasks.ingestion.desk import curate, visits
from tests.tasks.predictions.test_live import NOON, publish, record

BEGAN = NOON - timedelta(hours=1)
EACH = 300


def judged(
    settings: Settings,
    folder: Path,
    name: str,
    *,
    share: float,
    noise: float,
    role: str,
    wrong: int = 0,
) -> tuple[Settings, Pipeline, Answered]:
    """Judge a champion that is right mostly, and a challenger whose chances have this noise.

    A canary answers other visits than the champion, a shadow the same. Mallory lets it answer so
    many more with values that make it wrong.
    """
    pipeline = visits(name)
    bucket, draw = open_bucket(settings), np.random.default_rng(5)
    truth = draw.integers(0, 2, 2 * EACH)
    names = [f"v{number}" for number in range(2 * EACH)]
    near = (0.6 * truth + 0.4 * draw.random(2 * EACH)).round(3)
    far = ((1 - noise) * near + noise * draw.random(2 * EACH)).round(3)
    theirs = slice(EACH, None) if share else slice(0, EACH)
    answers = [
        record(names[:EACH], near[:EACH].tolist()),
        record(names[theirs], far[theirs].tolist(), version=2, role=role),
        record(names[:9], (1 - near[:9]).tolist(), minute=-90),
    ]
    labels = {(one, 1): int(y) for one, y in zip(names, truth, strict=True)}
    if wrong:
        asked = {f"m{number}": number % 2 for number in range(wrong)}
        chances = [0.1 + 0.8 * (1 - y) for y in asked.values()]
        bad = record([*asked], chances, version=2, role=role)
        answers.append(bad._replace(sender="mallory"))
        labels |= {(one, 1): y for one, y in asked.items()}
    predictions_table(bucket, name).append(rows_of(answers, pipeline), "t1", {})
    curate(settings, pipeline, folder, labels, "b1")
    for version in (1, 2):
        publish(settings, pipeline, version)
    first, second = (manifest_of(Place(bucket, name, settings.keyring), one) for one in (1, 2))
    champion = Champion(1, first.digest, BEGAN - timedelta(days=1), "test", "")
    pointer.swap(Place(bucket, name, settings.keyring), champion, None)
    bounds = {"max_error_rate": 0.01, "max_drop": 0.02}
    told = {"since": BEGAN, "by": "test", "why": "", "attempt": name, **bounds}
    trial = Trial(2, second.digest, first.digest, 1, share, **told)
    trials.swap(Place(bucket, name, settings.keyring), trial, None)
    found = judge_answers(make_workspace(settings, pipeline))
    assert found is not None
    return settings, pipeline, found


def test_a_canary_that_answers_worse_is_withdrawn_and_the_ledger_says_why(
    settings: Settings, tmp_path: Path
) -> None:
    settings, pipeline, found = judged(
        settings, tmp_path, "judged-bad", share=0.5, noise=0.9, role="canary"
    )
    assert found.challenger is not None
    assert (found.champion.judged, found.challenger.judged) == (EACH, EACH)
    assert found.champion.live.value > 0.95 > found.challenger.live.high
    assert standing(Place(open_bucket(settings), pipeline.name, settings.keyring)) is None
    (entry,) = ledger_of(open_bucket(settings), pipeline.name).entries("withdrawal")
    assert (entry.version, entry.by) == (2, "monitor")
    assert f"roc_auc {found.challenger.live.value:.3f}" in entry.summary
    assert found.told[-1] == f"The trial is withdrawn: {found.withdrawn}."
    again = judge_answers(make_workspace(settings, pipeline))
    assert again is not None
    assert (again.trial, again.since) == (None, BEGAN - timedelta(days=1))


@pytest.mark.parametrize("wrong", [60, 900])
def test_no_sender_alone_withdraws_a_canary(settings: Settings, tmp_path: Path, wrong: int) -> None:
    told = {"share": 0.5, "noise": 0.05, "role": "canary", "wrong": wrong}
    settings, pipeline, found = judged(settings, tmp_path, "judged-flood", **told)
    assert found.challenger is not None
    assert found.challenger.live.high < found.champion.live.low, "else it would not fall anyhow"
    assert found.challenger.senders == {"": EACH, "mallory": wrong}
    assert (found.withdrawn, "without the answers to the API key mallory" in found.doubted) == (
        "",
        True,
    )
    assert found.told[-1] == f"The trial goes on: {found.doubted}."
    assert standing(Place(open_bucket(settings), pipeline.name, settings.keyring)) == found.trial
    assert found.to_dict()["doubted"] == found.doubted


def test_one_that_answers_everybody_worse_is_withdrawn_whoever_asked(
    settings: Settings, tmp_path: Path
) -> None:
    told = {"share": 0.5, "noise": 0.9, "role": "canary", "wrong": 300}
    _, _, found = judged(settings, tmp_path, "judged-both", **told)
    assert (bool(found.withdrawn), found.doubted) == (True, "")


def test_a_canary_that_answers_as_well_goes_on(settings: Settings, tmp_path: Path) -> None:
    settings, pipeline, found = judged(
        settings, tmp_path, "judged-good", share=0.5, noise=0.05, role="canary"
    )
    assert found.withdrawn == ""
    assert standing(Place(open_bucket(settings), pipeline.name, settings.keyring)) == found.trial
    assert f"{EACH} of {EACH} keys labelled" in found.told[1]
    assert "canary for 50% of the keys" in found.told[1]


def test_a_shadow_is_judged_and_never_withdrawn(settings: Settings, tmp_path: Path) -> None:
    settings, pipeline, found = judged(
        settings, tmp_path, "judged-shadow", share=0.0, noise=0.9, role="shadow"
    )
    assert found.challenger is not None
    assert found.challenger.live.high < found.champion.live.low
    assert found.withdrawn == ""
    assert standing(Place(open_bucket(settings), pipeline.name, settings.keyring)) == found.trial


def test_without_a_log_or_a_champion_there_is_nothing_to_judge(settings: Settings) -> None:
    pipeline = visits("judged-none")
    assert judge_answers(make_workspace(settings, pipeline)) is None
    champion = Champion(1, "d", datetime(2024, 1, 1, tzinfo=UTC), "test", "")
    pointer.swap(Place(open_bucket(settings), pipeline.name, settings.keyring), champion, None)
    assert judge_answers(make_workspace(settings, pipeline)) is None
