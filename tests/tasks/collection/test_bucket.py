"""Someone else's bucket: each object once, oldest first, as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError
from tasks.faults import POINTS, Died, dying_at
from tasks.store.local import LocalBucket
from tasks.workspace import Workspace
from tests.tasks.collection.api import toy_rows
from tests.tasks.collection.scenes import collecting, ingest, run, with_pipeline


@pytest.fixture
def theirs(tmp_path: Path) -> LocalBucket:
    return LocalBucket(tmp_path / "theirs")


def opened(folder: Path, theirs: LocalBucket) -> Workspace:
    where = theirs.folder.as_uri()
    return collecting(folder, kind="bucket", bucket=where, prefix="out/")


def lines(count: int, start: int = 0) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in toy_rows(count, start))


def copies(workspace: Workspace) -> dict[str, bytes]:
    ours, bucket = workspace.layout.collected, workspace.bucket
    return {info.key.rpartition("/")[2]: bucket.get(info.key) for info in bucket.list(ours)}


def test_new_objects_are_copied_once_and_as_they_are(tmp_path: Path, theirs: LocalBucket) -> None:
    workspace = opened(tmp_path, theirs)
    theirs.put("out/b.jsonl", lines(5))
    theirs.put("out/a.jsonl", lines(5, 5))
    theirs.put("other/c.jsonl", lines(5, 90))
    theirs.put("out/_SUCCESS", b"done")
    done = run(workspace)
    # The older one first, whatever its name.
    assert [key.rpartition("/")[2] for key in done.keys] == ["b.jsonl", "a.jsonl"]
    assert copies(workspace) == {"a.jsonl": lines(5, 5), "b.jsonl": lines(5)}
    assert run(workspace).outcome == "nothing"
    theirs.put("out/deep/c.jsonl", lines(5, 10))
    theirs.put("out/b.jsonl", lines(5, 15))  # other bytes under a known name: another object
    assert len(run(workspace).keys) == 2
    assert ingest(workspace) == list(range(20))


@pytest.mark.parametrize(
    "point", [p for p in POINTS if p.startswith(("collect.object", "collect.commit"))]
)
def test_a_death_at_any_write_leaves_each_row_once(
    point: str, tmp_path: Path, theirs: LocalBucket
) -> None:
    workspace = opened(tmp_path, theirs)
    for number in range(3):
        theirs.put(f"out/{number}.jsonl", lines(4, 4 * number))
    with pytest.raises(Died), dying_at(point):
        run(workspace)
    theirs.put("out/3.jsonl", lines(4, 12))
    run(workspace)
    assert len(copies(workspace)) == 4
    assert ingest(workspace) == list(range(16))
    assert list((workspace.home / "scratch").iterdir()) == []


def test_what_was_tidied_away_comes_again_and_is_known(tmp_path: Path, theirs: LocalBucket) -> None:
    workspace = opened(tmp_path, theirs)
    theirs.put("out/a.jsonl", lines(4))
    (key,) = run(workspace).keys
    assert ingest(workspace) == list(range(4))
    workspace.bucket.delete(key)
    assert run(workspace).keys == (key,)
    assert ingest(workspace) == list(range(4))


def test_an_object_over_the_bound_is_passed_over(tmp_path: Path, theirs: LocalBucket) -> None:
    workspace = opened(tmp_path, theirs)
    small = workspace.pipeline.data.model_copy(update={"max_batch_gib": 1e-6})
    workspace = with_pipeline(workspace, data=small)
    theirs.put("out/a.jsonl", lines(4))
    theirs.put("out/large.jsonl", lines(40))
    run(workspace)
    assert list(copies(workspace)) == ["a.jsonl"]


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    where = (tmp_path / "nowhere").as_uri()
    with pytest.raises(ConfigurationError, match="the folder is there; got none"):
        run(collecting(tmp_path, kind="bucket", bucket=where))
    assert not (tmp_path / "nowhere").exists()


def test_a_missing_key_is_a_sentence(tmp_path: Path) -> None:
    keys = {"access": "THEIR_KEY", "secret": "THEIR_SECRET"}
    workspace = collecting(tmp_path, kind="bucket", bucket="out", keys=keys)
    with pytest.raises(ConfigurationError, match=r"collect\.keys\.access needs THEIR_KEY; got"):
        run(workspace)
