"""On a real store: rows and labels once each, also when the process is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.config import Pipeline
from tasks.data.curated import read_columns
from tasks.faults import VARIABLE
from tasks.ingestion.entrance import Kind
from tasks.ingestion.retry import find_refused
from tasks.scoring.sources import open_rows
from tasks.settings import Settings
from tasks.workspace import Workspace, make_workspace
from tests.servers import S3
from tests.tasks.ingestion.desk import visits
from tests.tasks.ingestion.landing import ROWS, curate, drop, label_file, landed, state
from tests.tasks.ingestion.scenes import csv, people, row
from tests.tasks.ingestion.test_retry import again
from tests.tasks.ingestion.test_schema import accept, read, sales, send, shop

pytestmark = pytest.mark.system
UPDATES = {"suite": "tests.suites.open_columns", "updates": "newest"}
WARM = ["tests.tasks.ingestion.landing", "tests.tasks.ingestion.warm", "tests.suites.people"]


def pipeline(kind: Kind, name: str) -> Pipeline:
    return people(name) if kind == "rows" else visits(name)


def land_and_die(settings: Settings, kind: Kind, name: str, key: str, crash: str) -> None:
    """Run in a child process, which the crash point kills."""
    os.environ[VARIABLE] = crash
    landed(make_workspace(settings, pipeline(kind, name)), key, kind)


@pytest.fixture
def orders(s3: S3, tmp_path: Path, request: pytest.FixtureRequest) -> Workspace:
    """Return a pipeline on the server, into which orders came."""
    settings, name = replace(s3.settings, home=tmp_path), f"s{abs(hash(request.node.name)) % 10**8}"
    workspace = make_workspace(settings, shop(name=name, data=UPDATES))
    assert send(workspace, sales()).outcome == "accepted"
    return workspace


def test_a_column_that_came_and_one_that_was_widened_are_read_from_a_server(
    orders: Workspace,
) -> None:
    held = send(orders, sales(6, rating=[0.5] * 6, amount=[1, 2, 3, 4, 5, 12.5]))
    assert held.outcome == "quarantined"
    # first the columns, and once these are settled the kinds of their values
    assert accept(orders, held).outcome == "quarantined"
    assert (accept(orders, held).outcome, len(find_refused(orders))) == ("accepted", 0)
    both = sales(12, rating=[0.75] * 6, amount=[0.25] * 6)
    assert send(orders, both).outcome == "accepted"
    corrected = send(orders, sales(3, 3, rating=[0.25] * 3, amount=[9.5] * 3), "again.csv")
    assert (corrected.outcome, corrected.rows) == ("accepted", 3)
    after = read(orders, corrected.version or 0)
    assert after["amount"].tolist() == [7, 8, 9, *[9.5] * 3, 1, 2, 3, 4, 5, 12.5, *[0.25] * 6]
    assert after["rating"].isna().tolist() == [True] * 3 + [False] * 15
    assert read(orders, 1)["amount"].dtype == "int64"
    # scoring reads the table's files by a way of its own
    schema = read_columns(orders.curated)
    assert schema is not None
    with tempfile.TemporaryDirectory() as scratch:
        curated = orders.layout.curated
        source = open_rows(orders.bucket, curated, 2**30, Path(scratch), corrected=["order"])
        rows = pa.concat_tables(source.tables(schema, source.version())).to_pandas()
    rows = rows.sort_values("order", ignore_index=True)
    assert rows["amount"].tolist() == after["amount"].tolist()
    assert rows["rating"].tolist() == pytest.approx(after["rating"].tolist(), nan_ok=True)


def test_a_refused_file_comes_in_from_a_server_once_the_contract_is_mended(
    s3: S3, tmp_path: Path
) -> None:
    settings = replace(s3.settings, home=tmp_path)
    workspace = make_workspace(settings, people("mended"))
    bad = (csv(20) + row(99, ward="nowhere")).encode()
    refused = landed(workspace, drop(workspace, "april.csv", bad))
    assert refused.outcome == "quarantined"
    mended = make_workspace(settings, people("mended", suite="tests.suites.open_columns"))
    # the object is gone from where it came: its copy in quarantine is what is left
    workspace.bucket.delete(f"{workspace.layout.incoming}april.csv")
    done = again(mended, "april.csv")
    assert (done.outcome, done.rows, done.batch) == ("accepted", 21, refused.batch)
    assert list(workspace.bucket.list("mended/quarantine/")) == []


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
