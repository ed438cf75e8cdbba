"""On a real store: rows and labels once each, also when the process is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.config import Pipeline
from tasks.faults import VARIABLE
from tasks.ingestion.entrance import Kind
from tasks.settings import Settings
from tasks.workspace import make_workspace
from tests.servers import S3
from tests.tasks.ingestion.desk import visits
from tests.tasks.ingestion.landing import ROWS, curate, drop, label_file, landed, state
from tests.tasks.ingestion.scenes import csv, people, row

pytestmark = pytest.mark.system
WARM = ["tests.tasks.ingestion.landing", "tests.tasks.ingestion.warm", "tests.suites.people"]


def pipeline(kind: Kind, name: str) -> Pipeline:
    return people(name) if kind == "rows" else visits(name)


def land_and_die(settings: Settings, kind: Kind, name: str, key: str, crash: str) -> None:
    """Run in a child process, which the crash point kills."""
    os.environ[VARIABLE] = crash
    landed(make_workspace(settings, pipeline(kind, name)), key, kind)


@pytest.mark.parametrize(
    ("kind", "point"), [("rows", "ingest.append.after"), ("labels", "label.append.after")]
)
def test_killed_after_its_commit_a_second_run_ends_where_one_run_ends(
    kind: Kind, point: str, s3: S3, tmp_path: Path
) -> None:
    settings, name = replace(s3.settings, home=tmp_path), f"killed-{kind}"
    workspace = make_workspace(settings, pipeline(kind, name))
    good = (csv(20) + row(3)).encode() if kind == "rows" else label_file(("v1", 1, 1))
    bad = csv(5, ward="nowhere").encode() if kind == "rows" else label_file(("v1", 1, "soon"))
    if kind == "labels":
        curate(workspace, tmp_path, ROWS, "b1")
    key, marker = drop(workspace, "a.csv", good, kind), tmp_path / "marker"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    asked = (settings, kind, name, key, f"{point}:{marker}")
    child = context.Process(target=land_and_die, args=asked)
    child.start()
    child.join(120)
    assert marker.read_text() == point
    assert child.exitcode == -signal.SIGKILL
    again = landed(workspace, key, kind)
    assert (again.outcome, again.version) == ("already", 1)
    refused = landed(workspace, drop(workspace, "b.csv", bad, kind), kind)
    assert refused.stands == "quarantined"
    left = state(workspace)
    assert len(left.rows if kind == "rows" else left.labels) == (20 if kind == "rows" else 1)
    assert left.versions == ((1, None) if kind == "rows" else (1, 1))
    assert len(left.under("quarantine/")) == 2
    assert list((tmp_path / "scratch").iterdir()) == []
