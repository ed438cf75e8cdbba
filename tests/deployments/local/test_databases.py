"""A home of another release: its databases are brought to this one's schema, or refused."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from deployments.local import stack as local
from deployments.local.databases import (
    Database,
    bring_up_to_date,
    copy,
    databases,
    read_revision,
    read_steps,
)
from deployments.local.folder import Folder
from tasks.errors import StackError
from tests.servers import any_free_offset

NAMES = ("mlflow", "prefect")


def known(folder: Folder, name: str) -> Database:
    return next(database for database in databases(folder) if database.name == name)


def head_of(database: Database) -> tuple[str, str]:
    """Return the newest revision, and one before it."""
    steps = dict(read_steps(database))
    (head,) = set(steps) - {before for after in steps.values() for before in after}
    (older,) = steps[head]
    return head, older


def make(path: Path, revision: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE alembic_version (version_num TEXT)")
        made.execute("INSERT INTO alembic_version VALUES (?)", (revision,))


@pytest.mark.parametrize("name", NAMES)
def test_what_a_newer_release_wrote_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    folder = Folder.at(tmp_path)
    database = known(folder, name)
    make(database.path, "fffffffffff0")
    told = "written by a newer release. Upgrade perennial, or `perennial restore`"
    with pytest.raises(StackError, match=told):
        local.up(folder.root, any_free_offset(), print)
    assert read_revision(database.path) == "fffffffffff0"
    assert not folder.wanted.exists()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_database_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    folder = Folder.at(tmp_path)
    folder.make()
    known(folder, name).path.write_bytes(b"no database" * 500)
    with pytest.raises(StackError, match="it is a SQLite database"):
        bring_up_to_date(folder, print)


def test_a_new_home_and_one_of_this_release_are_left_alone(tmp_path: Path) -> None:
    folder, said = Folder.at(tmp_path), list[str]()
    bring_up_to_date(folder, said.append)
    for database in databases(folder):
        make(database.path, head_of(database)[0])
    before = sorted(tmp_path.rglob("*"))
    bring_up_to_date(folder, said.append)
    assert said == []
    assert sorted(tmp_path.rglob("*")) == before


def test_an_older_database_of_prefect_is_kept_beside_for_prefect_to_bring_up(
    tmp_path: Path,
) -> None:
    folder, said = Folder.at(tmp_path), list[str]()
    database = known(folder, "prefect")
    _, older = head_of(database)
    make(database.path, older)
    bring_up_to_date(folder, said.append)
    kept = database.path.with_name(f"prefect.db.{older}")
    assert read_revision(kept) == older
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert str(kept) in said[0]


@pytest.mark.soak
def test_an_older_database_of_mlflow_is_brought_up(tmp_path: Path) -> None:
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    folder, said = Folder.at(tmp_path), list[str]()
    folder.make()
    database = known(folder, "mlflow")
    head, older = head_of(database)
    address = f"sqlite:///{database.path}"
    store = SqlAlchemyStore(address, str(tmp_path / "artifacts"))
    experiment = store.create_experiment("kept")
    store.engine.dispose()
    command.downgrade(_get_alembic_config(address), older)
    assert read_revision(database.path) == older
    bring_up_to_date(folder, said.append)
    assert read_revision(database.path) == head
    assert read_revision(database.path.with_name(f"mlflow.db.{older}")) == older
    again = SqlAlchemyStore(address, str(tmp_path / "artifacts"))
    assert again.get_experiment(experiment).name == "kept"
    again.engine.dispose()


def test_a_copy_is_of_one_moment_while_others_write(tmp_path: Path) -> None:
    source = tmp_path / "a.db"
    with closing(sqlite3.connect(source)) as writing:
        writing.execute("PRAGMA journal_mode = WAL")
        writing.execute("CREATE TABLE t (a)")
        with writing:
            writing.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        # Not told as done yet: no part of it is in the copy.
        writing.execute("INSERT INTO t VALUES (3)")
        copy(source, tmp_path / "b.db")
        writing.rollback()
    with closing(sqlite3.connect(tmp_path / "b.db")) as read:
        assert read.execute("SELECT a FROM t").fetchall() == [(1,), (2,)]
    assert stat.S_IMODE((tmp_path / "b.db").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.glob("b.db*")) == ["b.db"]
