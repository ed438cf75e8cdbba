"""Dead before or after any external write, then run again: the same state as never dead."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

import pytest

from tasks.faults import POINTS, Died, dying_at
from tasks.ingestion.entrance import Kind
from tasks.ingestion.landing import Landed, Landing
from tasks.ingestion.reading import Lease
from tasks.ingestion.trouble import Troubled, try_landing
from tests.tasks.ingestion.desk import bench
from tests.tasks.ingestion.landing import State, drop, label_file, opened, state
from tests.tasks.ingestion.scenes import csv, row
from tests.tasks.ingestion.stumbling import stumbling

LANDING = [point for point in POINTS if point.startswith(("ingest.", "label."))]
HELD = {"rows": 20, "labels": 2}
# every object is worth a lease, and one that a dead run left is over soon
SHORT = Lease(size=0, seconds=0.1)


def content(kind: Kind, scene: str) -> bytes:
    """Return a file whose landing takes the way of the scene."""
    if kind == "labels":
        return label_file(("v1", 1, 1), ("v1", 2, "soon" if scene == "refused" else 0))
    good = csv(20) + row(3)
    return (good + row(99, ward="nowhere") if scene == "refused" else good).encode()


def read_at_last(landing: Landing[Any], key: str) -> Landed | Troubled:
    """Try until the lease of a run that died has run out."""
    for _ in range(100):
        done = try_landing(landing, key, lambda _: None, lease=SHORT)
        if isinstance(done, Landed) or not done.elsewhere:
            return done
        sleep(SHORT.seconds / 3)
    raise AssertionError(f"{key} is held for ever")


def play(folder: Path, kind: Kind, scene: str, dying: str | None = None) -> State:
    """Take one file in, dying once at that point if there is one, until it has landed."""
    workspace = bench(kind, folder)
    key = drop(workspace, "a.csv", content(kind, scene), kind)

    def run() -> Landed:
        landing = opened(workspace, kind)
        tried = [stumbling(landing)] * 3 if scene == "failing" else [landing]
        done = [read_at_last(landing, key) for landing in tried]
        assert isinstance(done[-1], Landed)
        return done[-1]

    if dying is not None:
        with pytest.raises(Died), dying_at(dying):
            run()
    done = run()
    assert done.stands == ("accepted" if scene == "good" else "quarantined")
    assert list((workspace.home / "scratch").iterdir()) == []
    return state(workspace)


@cache
def undisturbed(kind: Kind, scene: str) -> State:
    with TemporaryDirectory() as folder:
        return play(Path(folder), kind, scene)


@pytest.mark.parametrize("point", LANDING)
def test_the_second_run_ends_where_one_run_ends(point: str, tmp_path: Path) -> None:
    kind: Kind = "rows" if point.startswith("ingest.") else "labels"
    scene = "refused" if "quarantine" in point else "failing" if "tries" in point else "good"
    left = play(tmp_path, kind, scene, dying=point)
    assert left == undisturbed(kind, scene)
    held = left.rows if kind == "rows" else left.labels
    assert len(held) == len(set(held)) == (HELD[kind] if scene == "good" else 0)
