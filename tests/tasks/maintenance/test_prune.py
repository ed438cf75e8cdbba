"""A used pipeline is pruned, and everything that it was pinned to still works."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tasks.backtest.pinning import plan_backtest
from tasks.config.sections import Storage
from tasks.data.curated import curated
from tasks.data.table import table_in
from tasks.data.upkeep import compact_files
from tasks.errors import StoreError
from tasks.ledger.entry import Entry
from tasks.maintenance.prune import Pruned, alone, prune
from tasks.predictions.table import SCHEMA, predictions_table
from tasks.promotion.promote import promote, rollback
from tasks.promotion.signing import verify_place
from tasks.promotion.versions import published
from tasks.store.lease import HeldElsewhere
from tasks.store.local import LocalBucket
from tasks.training.finish import find_earlier_end
from tasks.training.pinning import pin_run
from tasks.training.work import Work
from tasks.workspace import Workspace
from tests import life
from tests.disks import fill, small_disk

LATER = datetime.now(UTC) + timedelta(days=400)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a pipeline of ten batches, two champions, answers, and a page of the ledger."""
    folder = tmp_path_factory.mktemp("used")
    workspace = life.toy_workspace(folder, gate={"min_gain": -0.5, "max_slice_loss": 0.9})
    # what was in use until now may go: no setting in a file allows that
    now = Storage().model_copy(update={"keep_files": "0s", "keep_versions": 0})
    object.__setattr__(
        workspace, "pipeline", workspace.pipeline.model_copy(update={"storage": now})
    )
    life.ingest(workspace, "0.csv", life.toy_rows(600))
    assert life.train(workspace, told=False).outcome == "promoted"
    for number in range(9):
        life.ingest(workspace, f"{number + 1}.csv", life.toy_rows(100, start=600 + 100 * number))
    assert life.train(workspace, told=False).outcome == "promoted"
    answers = predictions_table(workspace.bucket, workspace.name)
    for number in range(20):
        row = {"id": f"{number}", "at": datetime(2026, 1, 1, tzinfo=UTC), "model_version": 2}
        answers.append(pa.Table.from_pylist([row], schema=SCHEMA), f"{number}", {})
    return workspace


def pinned_rows(workspace: Workspace, version: int) -> list[tuple[object, ...]]:
    rows = curated(workspace.bucket, workspace.name).read(version=version).to_pylist()
    return sorted(tuple(row.values()) for row in rows)


def weigh(told: tuple[Pruned, ...]) -> dict[str, tuple[int, int]]:
    return {row.place: (row.files, row.files_after) for row in told}


def test_a_used_pipeline_is_smaller_and_all_that_it_is_pinned_to_still_works(
    used: Workspace,
) -> None:
    table = used.curated
    pinned = [1, 10]
    before = {version: pinned_rows(used, version) for version in pinned}
    plan, replay = pin_run(used, None, used.pipeline.retraining.challengers), plan_backtest(used)
    seen = [info.key for info in used.bucket.list("")]
    weighed = weigh(prune(used, LATER, dry=True))
    assert [info.key for info in used.bucket.list("")] == seen
    assert all(after <= files for files, after in weighed.values())

    first = prune(used, LATER)
    assert len(table.files()) == 1
    assert len(predictions_table(used.bucket, used.name).files()) == 1
    second = prune(used, LATER)
    for row in (*first, *second):
        print(row)
    # the answers before are pinned by nobody, ten batches by two trainings
    answers = Path(predictions_table(used.bucket, used.name).uri)
    left = list(answers.glob("*.parquet"))
    assert len(left) == 1

    assert {version: pinned_rows(used, version) for version in pinned} == before
    assert pin_run(used, None, used.pipeline.retraining.challengers).key == plan.key
    assert plan_backtest(used).key == replay.key
    earlier = find_earlier_end(Work(used, plan))
    assert earlier is not None and earlier["state"] == "is in service"
    assert rollback(used, by="ada", why="to see").outcome == "promoted"
    assert promote(used, 2, by="ada", why="seen").outcome == "promoted"
    assert all(row.whole for row in verify_place(used)), verify_place(used)
    life.ingest(used, "next.csv", life.toy_rows(50, start=1600))
    again = life.ingest(used, "again.csv", life.toy_rows(50, start=1600))
    assert again.outcome == "already"
    assert table.read().num_rows == 1550
    assert life.monitor(used)


def test_a_refused_version_goes_and_its_number_is_not_given_again(used: Workspace) -> None:
    champions = published(used)
    life.ingest(used, "more.csv", life.toy_rows(40, start=3000))
    life.monitor(used)
    *_, third = life.challenge(used, told=False)
    prune(used, LATER)
    # it has no verdict yet: a run may be on the way to it
    assert published(used) == (*champions, third)
    refused = Entry("verdict-r", datetime.now(UTC), used.name, "verdict", third, "test", "no")
    used.ledger.append(refused)
    prune(used, LATER)
    assert published(used) == champions
    assert used.bucket.head(used.layout.model_file(third, "claim.json")) is not None


def test_of_two_at_once_one_does_it_and_the_other_is_told(tmp_path: Path) -> None:
    workspace = life.toy_workspace(tmp_path)
    with alone(workspace), pytest.raises(HeldElsewhere), alone(workspace):
        pass
    with alone(workspace):
        pass


def test_a_disk_that_fills_up_leaves_every_version_readable(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        table = table_in(LocalBucket(disk / "bucket"), "toy/predictions")
        for number in range(9):
            texts = [os.urandom(1024).hex() for _ in range(2_000)]
            table.append(pa.table({"text": texts}), f"{number}", {})
        filler = fill(disk, 0.6)
        with pytest.raises(StoreError):
            compact_files(table, 2**27)
        assert (table.version(), len(table.files())) == (9, 9)
        assert table.read().num_rows == 18_000
        filler.unlink()
        assert compact_files(table, 2**27) == 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"target_file": "1 KiB"},
        {"target_file": "much"},
        {"keep_files": "1h"},
        {"keep_versions": 0},
        {"keep_reports": "0d"},
        {"keep_model": 3},
    ],
)
def test_settings_that_would_take_what_is_in_use_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Storage.model_validate(wrong)
