"""A home that lived: backed up and made anew elsewhere, and found by another release's servers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.demo.flights import month
from deployments.demo.year import Loop, send_month
from deployments.local import stack as local
from deployments.local.databases import databases, read_revision
from deployments.local.folder import Folder
from tasks.promotion.versions import published
from tasks.settings import REPOSITORY
from tasks.tracking.registry import read_aliases
from tests.chaos import NAME, connect
from tests.deployments.local.test_databases import head_of
from tests.environment import kept_environment
from tests.servers import any_free_offset, clean_environment, poll

pytestmark = [pytest.mark.soak, pytest.mark.system]
PIPELINES = str(REPOSITORY / "deployments" / "pipelines")


def perennial(home: Path, *words: str) -> str:
    """Run a command as a person would; return what it printed."""
    told = {"PERENNIAL_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("perennial")), *words],
        env=clean_environment({**told, "PERENNIAL_PIPELINES": PIPELINES}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    with kept_environment():
        yield


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pu-")).resolve()
    yield folder
    for home in ("a", "b"):
        local.down(folder / home, lambda _line: None)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def lived(place: Path) -> Path:
    """The home of a stack that trained on a quarter, saw April, was backed up and stopped."""
    home = place / "a"
    perennial(home, "demo", "--until", "4", "--json", "--port-offset", str(any_free_offset()))
    perennial(home, "backup", str(place / "backup"))
    perennial(home, "down")
    return home


def test_a_stack_made_of_a_backup_goes_on_where_that_was(lived: Path, place: Path) -> None:
    home = place / "b"
    told = json.loads(perennial(home, "restore", str(place / "backup"), "--json"))
    assert told["broken"] == []
    assert told["objects"] > 100
    perennial(home, "up", "--port-offset", str(any_free_offset()))
    workspace = connect(home)
    before = {entry.id for entry in workspace.ledger.entries()}
    versions = published(workspace)
    (folder := place / "files").mkdir()
    may = send_month(Loop(workspace, print), "May", month(5, folder), 0)
    assert may.live > 0.6
    # Nothing of before was done again: no file taken in twice, no decision or training repeated.
    since = [entry for entry in workspace.ledger.entries() if entry.id not in before]
    decided = [entry.figures["object"] for entry in since if entry.kind == "decision"]
    assert [key.rpartition("/")[2] for key in decided] == ["flights-2013-05.csv"]
    assert len(published(workspace)) <= len(versions) + 1
    server = workspace.tracking or ""
    poll(lambda: read_aliases(server, NAME).get("champion") == may.version, 90, "the alias", 1)
    perennial(home, "doctor", NAME)
    perennial(home, "down")


def test_databases_of_an_older_schema_are_brought_up(lived: Path) -> None:
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config

    tracking, prefect = databases(Folder.at(lived))
    heads = {database.name: head_of(database) for database in (tracking, prefect)}
    command.downgrade(_get_alembic_config(f"sqlite:///{tracking.path}"), heads["mlflow"][1])
    address = f"sqlite+aiosqlite:///{prefect.path}"
    subprocess.run(
        [sys.executable, "-m", "prefect", "server", "database", "downgrade", "-y", "-r",
         heads["prefect"][1]],
        env=clean_environment({"PREFECT_API_DATABASE_CONNECTION_URL": address,
                               "PREFECT_HOME": str(prefect.path.parent)}),
        check=True, capture_output=True,
    )  # fmt: skip
    assert {read_revision(database.path) for database in (tracking, prefect)} == {
        older for _, older in heads.values()
    }
    said = perennial(lived, "up", "--json")
    assert json.loads(said)["green"]
    for database in (tracking, prefect):
        head, older = heads[database.name]
        assert read_revision(database.path) == head
        assert read_revision(database.path.with_name(f"{database.path.name}.{older}")) == older
    workspace = connect(lived)
    assert "champion" in read_aliases(workspace.tracking or "", NAME)
    perennial(lived, "ingest", NAME)
    perennial(lived, "down")
