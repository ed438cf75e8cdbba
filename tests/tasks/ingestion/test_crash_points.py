"""Killed before or after any external write, then run again: the same state as never killed."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.config import Pipeline
from tasks.faults import POINTS, VARIABLE
from tasks.settings import Settings
from tasks.store.s3 import S3Bucket
from tests.forked import forking
from tests.servers import S3
from tests.tasks.ingestion.landing import State, drop, ingested, state
from tests.tasks.ingestion.scenes import csv, people, row

pytestmark = pytest.mark.system
INGEST = [point for point in POINTS if point.startswith("ingest.")]
WARM = ["tests.tasks.ingestion.landing", "tests.suites.people", "tests.tasks.ingestion.warm"]


def ingest_and_die(settings: Settings, pipeline: Pipeline, key: str, crash: str) -> None:
    """Run in a child process, which the crash point kills."""
    os.environ[VARIABLE] = crash
    ingested(settings, pipeline, key)


def killed(settings: Settings, pipeline: Pipeline, key: str, point: str, marker: Path) -> None:
    """Ingest in a process that dies at `point`; assert that it did, by SIGKILL."""
    crash = f"{point}:{marker}"
    child = forking(*WARM).Process(target=ingest_and_die, args=(settings, pipeline, key, crash))
    child.start()
    child.join(120)
    assert marker.read_text() == point
    assert child.exitcode == -signal.SIGKILL


def content(point: str) -> str:
    """A batch that reaches the point: only refused ones are quarantined."""
    good = csv(20) + row(3)
    return good + row(99, ward="nowhere") if "quarantine" in point else good


@pytest.fixture(scope="module")
def undisturbed(s3: S3) -> dict[bool, State]:
    """Return what one run leaves of a good and of a refused batch."""
    found = {}
    for refused in (False, True):
        pipeline = people(f"calm-{refused}".lower())
        text = content("quarantine" if refused else "append")
        ingested(s3.settings, pipeline, drop(S3Bucket(s3.settings), pipeline, "a.csv", text))
        found[refused] = anonymous(state(s3.settings, pipeline), pipeline)
    return found


def anonymous(found: State, pipeline: Pipeline) -> State:
    """Return the state without the pipeline's name."""
    return replace(
        found, receipts=tuple(text.replace(pipeline.name, "") for text in found.receipts)
    )


@pytest.mark.parametrize("point", INGEST)
def test_the_second_run_ends_where_one_run_ends(
    point: str, s3: S3, undisturbed: dict[bool, State], tmp_path: Path
) -> None:
    settings = replace(s3.settings, home=tmp_path)
    pipeline = people(f"crash-{point.replace('.', '-').replace('_', '-')}")
    refused = "quarantine" in point
    key = drop(S3Bucket(settings), pipeline, "a.csv", content(point))
    killed(settings, pipeline, key, point, tmp_path / "marker")
    ingested(settings, pipeline, key)
    found = anonymous(state(settings, pipeline), pipeline)
    assert found == undisturbed[refused]
    assert len(found.visits) == len(set(found.visits)) == (0 if refused else 20)
    assert (len(found.receipts), len(found.reports)) == (1, 3)
    assert list((tmp_path / "scratch").iterdir()) == []
