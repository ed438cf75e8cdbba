"""Promotion and rollback: outcomes, races, deaths and repairs."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from tasks.errors import ConfigurationError, IntegrityError
from tasks.faults import WAIT
from tasks.ledger.entry import Entry
from tasks.promotion import pointer
from tasks.promotion.promote import promote, repair, rollback
from tasks.promotion.signing import accept_pointers
from tasks.promotion.versions import publish
from tasks.reconciliation.ending import end_pipeline
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout
from tasks.store.local import LocalBucket
from tasks.store.s3 import S3Bucket
from tasks.workspace import Place
from tests.buckets import local
from tests.servers import S3, poll
from tests.tasks.promotion.scenes import (
    KEY,
    FileAlias,
    barrier,
    building,
    context_of,
    dying,
    published,
    started,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
WHO: dict[str, Any] = {"by": "ada", "why": "it is better"}


@pytest.fixture
def context(pipeline: str, tmp_path: Path) -> Place:
    """Return a context on an in-memory store that holds three versions."""
    bucket = local()
    published(bucket, pipeline, 3)
    return context_of(bucket, pipeline, tmp_path)


def champion(context: Place) -> pointer.Champion:
    found = pointer.read(context)
    assert found is not None
    return found[0]


def kinds(context: Place) -> list[tuple[str, int | None]]:
    # Other tests' prediction APIs follow every pipeline of the bucket, and refuse this key.
    told = (entry for entry in context.ledger.entries() if entry.by != "serving")
    entries = sorted(told, key=lambda entry: entry.at)
    return [(entry.kind, entry.version) for entry in entries]


def alias(context: Place) -> int:
    assert isinstance(context.mirror, FileAlias)
    return context.mirror.champion


def test_a_promotion_sets_pointer_ledger_and_alias(
    bucket: Bucket, pipeline: str, tmp_path: Path
) -> None:
    published(bucket, pipeline, 2)
    context = context_of(bucket, pipeline, tmp_path)
    first = promote(context, 1, **WHO)
    second = promote(context, "2", **WHO)
    assert [first.outcome, second.outcome, second.alias] == ["promoted", "promoted", "mirrored"]
    now = champion(context)
    assert (now.version, now.replaced, now.by, now.why) == (2, 1, "ada", "it is better")
    assert kinds(context) == [("promotion", 1), ("promotion", 2)]
    assert alias(context) == 2


def test_a_pointer_that_was_lost_is_made_of_the_ledger_once_a_person_says_so(
    context: Place,
) -> None:
    assert pointer.read(context) is None
    steps = [
        lambda: promote(context, 1, **WHO),
        lambda: promote(context, 2, **WHO, override="the gate is wrong"),
        lambda: promote(context, 3, **WHO),
        lambda: rollback(context, **WHO),
    ]
    for step in steps:
        step()
        key, told = context.layout.champion, kinds(context)
        before = context.bucket.get(key)
        context.bucket.delete(key)
        for act in (lambda: promote(context, 1, **WHO), lambda: repair(context)):
            with pytest.raises(
                IntegrityError, match=r"verify \S+ --accept` makes it of the ledger"
            ):
                act()
        assert context.bucket.head(key) is None
        accept_pointers(context)
        assert context.bucket.get(key) == before
        assert kinds(context) == told
        # whoever decided by what was there before the loss is not told of a change
        assert repair(context) is not None
        assert kinds(context) == told


def test_only_where_the_data_go_does_a_pointer_not_come_back(
    context: Place, tmp_path: Path
) -> None:
    """A pipeline that is ended alone goes on answering, and its file may be brought back."""
    promote(context, 1, **WHO)
    end_pipeline(context, tmp_path / "toy.yaml", "ada", "no use")
    context.bucket.delete(context.layout.champion)
    found = pointer.read(context, accept=True)
    assert found is not None
    assert found[0].version == 1
    for _ in range(2):
        end_pipeline(context, tmp_path / "toy.yaml", "ada", "no use", data=True)
        context.bucket.delete(context.layout.champion)
        assert pointer.read(context) is None
    assert kinds(context) == [("promotion", 1), ("end", None), ("end", None)]


def test_a_newer_releases_promotion_is_not_guessed_at() -> None:
    newer = Entry("promotion-1", AT, "toy", "promotion (newer format)", 2, "ada", "", {})
    with pytest.raises(IntegrityError, match="Use the release that wrote it"):
        pointer.rebuild([newer], "toy/champion.json")


def test_promoting_the_champion_changes_nothing(context: Place) -> None:
    promote(context, 1, **WHO)
    before = context.bucket.get(Layout(context.name).champion)
    assert promote(context, 1, **WHO).outcome == "already"
    assert context.bucket.get(Layout(context.name).champion) == before
    assert kinds(context) == [("promotion", 1)]


def test_a_version_whose_verdict_did_not_pass_is_refused(context: Place) -> None:
    build = building(context.name, "bad", passed=False)
    bad = publish(context, "bad", build)
    done = promote(context, bad, **WHO)
    assert done.outcome == "refused"
    assert done.reasons == ("enough rows: too small",)
    assert pointer.read(context) is None
    assert kinds(context) == [("refused", bad)]
    forced = promote(context, bad, **WHO, override="the rule is wrong here")
    assert forced.outcome == "promoted"
    assert champion(context).override == "the rule is wrong here"
    (entry,) = context.ledger.entries("promotion")
    assert entry.figures["override"] == "the rule is wrong here"


def test_a_needless_override_is_not_recorded(context: Place) -> None:
    promote(context, 1, **WHO, override="to be safe")
    assert champion(context).override == ""


def test_a_damaged_version_is_not_promoted(context: Place) -> None:
    context.bucket.delete(Layout(context.name).model_file(1, "model.onnx"))
    with pytest.raises(IntegrityError):
        promote(context, 1, **WHO)
    assert pointer.read(context) is None


@pytest.mark.parametrize("version", ["../x", 9])
def test_an_unknown_version_is_wrong_use(context: Place, version: int | str) -> None:
    with pytest.raises(ConfigurationError, match="model version"):
        promote(context, version, **WHO)


@pytest.mark.parametrize("words", [{"by": " "}, {"why": ""}, {"why": "x" * 501}, {"override": " "}])
def test_the_words_are_needed(context: Place, words: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="1 to 500 characters"):
        promote(context, 1, **WHO | words)


def test_rolling_back_returns_step_by_step(context: Place) -> None:
    for version in (1, 2, 3):
        promote(context, version, **WHO)
    gone = [rollback(context, by="ada", why=f"worse {n}") for n in range(3)]
    assert [one.outcome for one in gone] == ["promoted", "promoted", "refused"]
    assert [one.version for one in gone] == [2, 1, None]
    assert champion(context).version == alias(context) == 1
    assert kinds(context)[3:] == [("rollback", 2), ("rollback", 1), ("refused", None)]


def test_rolling_back_to_a_named_version_checks_it_as_a_promotion(context: Place) -> None:
    promote(context, 1, **WHO)
    assert rollback(context, 3, **WHO).outcome == "promoted"
    assert champion(context).kind == "rollback"
    build = building(context.name, "bad", passed=False)
    bad = publish(context, "bad", build)
    assert rollback(context, bad, **WHO).outcome == "refused"


def test_there_is_nothing_to_go_back_to_before_the_first_promotion(context: Place) -> None:
    done = rollback(context, **WHO)
    assert (done.outcome, done.champion) == ("refused", None)
    assert "no previous champion" in done.message


def test_a_decision_against_an_older_champion_is_lost(context: Place) -> None:
    promote(context, 1, **WHO)
    _, seen = pointer.read(context) or (None, None)
    promote(context, 2, by="bob", why="faster")
    late = promote(context, 3, **WHO, expected=seen)
    assert late.outcome == "lost"
    assert late.champion == champion(context)
    assert "version 2 was put in service meanwhile by bob" in late.message
    assert promote(context, 3, **WHO, expected=None).outcome == "lost"


def test_a_repeated_loss_is_recorded_once(context: Place) -> None:
    promote(context, 1, **WHO)
    for _ in range(2):
        assert promote(context, 3, **WHO, expected=None, attempt="run").outcome == "lost"
    assert kinds(context) == [("promotion", 1), ("lost", 3)]


def test_of_racing_threads_one_wins_and_the_ledger_holds_all(
    bucket: Bucket, pipeline: str, tmp_path: Path
) -> None:
    published(bucket, pipeline, 4)
    context = context_of(bucket, pipeline, tmp_path)
    promote(context, 1, **WHO)
    _, seen = pointer.read(Place(bucket, pipeline, KEY)) or (None, None)
    gate = threading.Barrier(3)

    def race(version: int) -> Any:
        gate.wait(30)
        return promote(context, version, by=f"racer {version}", why="a race", expected=seen)

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(race, (2, 3, 4)))
    assert sorted(one.outcome for one in done) == ["lost", "lost", "promoted"]
    (won,) = [one for one in done if one.outcome == "promoted"]
    assert champion(context).version == alias(context) == won.version
    assert all(f"by racer {won.version}" in one.message for one in done if one is not won)
    recorded = sorted(kinds(context))
    lost = sorted({2, 3, 4} - {won.version})
    assert recorded == [*(("lost", v) for v in lost), ("promotion", 1), ("promotion", won.version)]


def race_in_a_process(
    settings: Any, pipeline: str, folder: Path, version: int, seen: str, gate: Any
) -> None:
    context = context_of(S3Bucket(settings), pipeline, folder)
    gate.wait(180)
    done = promote(context, version, **WHO, expected=seen)
    (folder / f"done-{version}").write_text(done.outcome, encoding="utf-8")


@pytest.mark.system
def test_of_racing_processes_one_wins(s3: S3, pipeline: str, tmp_path: Path) -> None:
    bucket = S3Bucket(s3.settings)
    published(bucket, pipeline, 3)
    context = context_of(bucket, pipeline, tmp_path)
    promote(context, 1, **WHO)
    _, seen = pointer.read(Place(bucket, pipeline, KEY)) or (None, None)
    gate = barrier(2)
    children = [
        started(race_in_a_process, s3.settings, pipeline, tmp_path, version, seen, gate)
        for version in (2, 3)
    ]
    for child in children:
        child.join(180)
        assert child.exitcode == 0
    outcomes = {version: (tmp_path / f"done-{version}").read_text() for version in (2, 3)}
    assert sorted(outcomes.values()) == ["lost", "promoted"]
    assert outcomes[champion(context).version] == "promoted"
    assert sorted(kind for kind, _ in kinds(context)) == ["lost", "promotion", "promotion"]
    assert alias(context) == champion(context).version


def promote_held(folder: Path, pipeline: str, seen: str, marker: str) -> None:
    os.environ[WAIT] = f"promote.pointer.before:{marker}"
    context = context_of(LocalBucket(folder / "bucket"), pipeline, folder)
    done = promote(context, 3, **WHO, expected=seen)
    (folder / "done").write_text(done.outcome, encoding="utf-8")


def test_a_promoter_that_was_stopped_and_wakes_up_later_overwrites_nothing(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path / "bucket")
    published(bucket, "toy", 3)
    context, marker = context_of(bucket, "toy", tmp_path), tmp_path / "waits"
    promote(context, 1, **WHO)
    _, seen = pointer.read(context) or (None, None)
    stale = started(promote_held, tmp_path, "toy", seen, str(marker))
    try:
        poll(marker.exists, 60, "the promoter to reach its write")
        os.kill(stale.pid, signal.SIGSTOP)
        poll(lambda: psutil.Process(stale.pid).status() == psutil.STATUS_STOPPED, 10, "its stop")
        marker.unlink()
        assert promote(context, 2, by="bob", why="meanwhile", expected=seen).outcome == "promoted"
        assert (tmp_path / "done").exists() is False
    finally:
        os.kill(stale.pid, signal.SIGCONT)
    stale.join(60)
    assert (stale.exitcode, (tmp_path / "done").read_text()) == (0, "lost")
    assert champion(context).version == alias(context) == 2
    assert kinds(context) == [("promotion", 1), ("promotion", 2), ("lost", 3)]


def promote_second(bucket: Bucket, pipeline: str, folder: Path) -> None:
    promote(context_of(bucket, pipeline, folder), 2, **WHO)


def roll_back(bucket: Bucket, pipeline: str, folder: Path) -> None:
    rollback(context_of(bucket, pipeline, folder), **WHO, attempt="this rollback")


PROMOTED = (promote_second, (1,), "promotion")
ROLLED_BACK = (roll_back, (1, 2, 3), "rollback")


@pytest.mark.system
@pytest.mark.parametrize(
    ("change", "point"),
    [
        (PROMOTED, "promote.pointer.before"),
        (PROMOTED, "promote.pointer.after"),
        (PROMOTED, "promote.ledger.before"),
        (PROMOTED, "promote.ledger.after"),
        (PROMOTED, "promote.alias.before"),
        (PROMOTED, "promote.alias.after"),
        (ROLLED_BACK, "promote.pointer.after"),
        (ROLLED_BACK, "promote.alias.before"),
    ],
)
def test_a_change_that_died_is_finished_by_the_next(
    s3: S3, pipeline: str, tmp_path: Path, change: Any, point: str
) -> None:
    action, before, kind = change
    bucket = S3Bucket(s3.settings)
    published(bucket, pipeline, 3)
    context = context_of(bucket, pipeline, tmp_path)
    for version in before:
        promote(context, version, **WHO)
    child = started(dying, action, s3.settings, pipeline, tmp_path, point)
    child.join(180)
    assert child.exitcode == -signal.SIGKILL
    assert (tmp_path / point).exists()
    action(bucket, pipeline, tmp_path)
    assert champion(context).version == alias(context) == 2
    assert kinds(context) == [*(("promotion", v) for v in before), (kind, 2)]


def test_a_promotion_whose_maker_died_is_recorded_by_whoever_comes_next(context: Place) -> None:
    now = pointer.Champion(1, "d", AT, "a", "b")
    pointer.swap(context, now, None)
    promote(context, 2, **WHO)
    assert kinds(context) == [("promotion", 1), ("promotion", 2)]


def test_a_rollback_without_a_name_that_died_does_not_go_further_back(context: Place) -> None:
    for version in (1, 2, 3):
        promote(context, version, **WHO)
    current, etag = pointer.read(context) or (None, None)
    assert current is not None
    made = pointer.Champion(2, "d", current.since, "ada", "worse", "rollback", "lost name")
    pointer.swap(context, pointer.succeed(current, made), etag)
    assert rollback(context, by="ada", why="worse").outcome == "already"
    assert champion(context).version == 2
    assert rollback(context, by="ada", why="worse").version == 1


def test_a_registry_that_is_down_does_not_stop_a_promotion(context: Place, tmp_path: Path) -> None:
    promote(context, 1, **WHO)
    (tmp_path / "down").touch()
    done = promote(context, 2, **WHO)
    assert (done.outcome, done.alias, alias(context)) == ("promoted", "pending", 1)
    assert "the alias is pending: registry" in done.message
    (tmp_path / "down").unlink()
    assert promote(context, 2, **WHO).alias == "mirrored"
    assert alias(context) == 2


def test_a_repair_completes_ledger_and_alias(context: Place) -> None:
    assert repair(context) is None
    now = pointer.Champion(1, "d", AT, "a", "b")
    pointer.swap(context, now, None)
    for _ in range(2):
        done = repair(context)
        assert done is not None
        assert done.alias == "mirrored"
    assert kinds(context) == [("promotion", 1)]
    assert alias(context) == 1


def test_an_outcome_is_plain_json(context: Place) -> None:
    content = promote(context, 1, **WHO).to_dict()
    assert content["champion"]["version"] == 1
    assert content["message"].endswith("version 1 is in service (promotion)")
