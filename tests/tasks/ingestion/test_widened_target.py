"""A regression whose target a person lets hold numbers, with labels that came before as whole ones.

The labels' table keeps what it has, and takes what comes from then on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.config import Pipeline
from tasks.data.standing import scan_standing
from tasks.ingestion.land import land
from tasks.ingestion.retry import call_back
from tasks.ingestion.rows import open_rows
from tasks.ingestion.schema import accept_changes
from tasks.labels.join import with_labels
from tasks.labels.table import labels_version, load_labels
from tasks.predictions.read import live_performance
from tasks.predictions.record import Record
from tasks.predictions.table import predictions_table, rows_of
from tasks.workspace import Workspace
from tests.tasks.ingestion.desk import visits
from tests.tasks.ingestion.landing import drop, landed, local_workspace

HEAD = "visit,at,stays\n"
NOON = datetime(2024, 2, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a pipeline whose first batch and labels hold whole numbers, and whose second not."""
    given = visits("bills").model_dump(mode="json") | {"task": "regression", "key": ["visit"]}
    given["data"] |= {"suite": "tests.suites.open_columns"}
    workspace = local_workspace(tmp_path, Pipeline.model_validate(given))
    whole = "v1,2024-01-01T08:00:00Z,3\nv2,2024-01-02T08:00:00Z,\nv3,2024-01-03T08:00:00Z,\n"
    assert landed(workspace, drop(workspace, "a.csv", HEAD + whole)).outcome == "accepted"
    label(workspace, "a.csv", "v2,5\n")
    held = landed(workspace, drop(workspace, "b.csv", HEAD + "v4,2024-01-04T08:00:00Z,0.5\n"))
    refused, _ = accept_changes(workspace, held.batch, "ada")
    key = call_back(workspace, refused)
    done = land(open_rows(workspace), key, lambda _: None, again=True)
    assert done.outcome == "accepted"
    return workspace


def label(workspace: Workspace, name: str, lines: str) -> None:
    key = drop(workspace, name, f"visit,stays\n{lines}", "labels")
    assert landed(workspace, key, "labels").outcome == "accepted"


def known(workspace: Workspace) -> dict[str, float]:
    """Return the targets that are known, by visit."""
    pipeline = workspace.pipeline
    labels = load_labels(workspace.bucket, pipeline, labels_version(workspace.bucket, pipeline))
    rows = scan_standing(workspace.curated, pipeline.key).collect().to_pandas()
    found = with_labels(rows, labels, pipeline)[0].dropna(subset="stays")
    return dict(zip(found["visit"], found["stays"].tolist(), strict=True))


def test_later_labels_land_and_every_row_keeps_its_number(workspace: Workspace) -> None:
    assert known(workspace) == {"v1": 3, "v2": 5, "v4": 0.5}
    label(workspace, "b.csv", "v3,2.5\n")
    assert known(workspace) == {"v1": 3, "v2": 5, "v3": 2.5, "v4": 0.5}


def test_what_was_answered_is_judged_by_both(workspace: Workspace) -> None:
    rows = [{"visit": "v2"}, {"visit": "v4"}]
    record = Record(1, "champion", NOON.timestamp(), ["a", "b"], rows, [4.0, 0.0], None)
    answers = predictions_table(workspace.bucket, workspace.name)
    answers.append(rows_of([record], workspace.pipeline), "t1", {})
    assert live_performance(workspace, start=NOON).metrics["mae"]["value"] == pytest.approx(0.75)
