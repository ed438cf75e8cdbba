"""The databases of a home: whether this release knows their schema, and copies of them.

Prefect and MLflow keep the revision of their schema in the table `alembic_version`. A revision that
this release does not know is of a newer one, and neither server could say so in words.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deployments.local.folder import Folder
from tasks.errors import StackError

REVISION = re.compile(
    r"^(?P<which>down_revision|revision)\s*(?::[^=]*)?=\s*(?P<value>.+)$", re.MULTILINE
)
NAMED = re.compile(r"['\"]([^'\"]+)['\"]")
BUSY_SECONDS = 60.0


@dataclass(frozen=True)
class Database:
    """A server's SQLite file, and where in its package the steps of its schema lie."""

    name: str
    path: Path
    package: str
    steps: str


def databases(folder: Folder) -> tuple[Database, ...]:
    """Return those of a home, which need not be there yet."""
    prefect = "server/database/_migrations/versions/sqlite"
    return (
        Database("mlflow", folder.root / "mlflow.db", "mlflow", "store/db_migrations/versions"),
        Database("prefect", folder.prefect / "prefect.db", "prefect", prefect),
    )


def bring_up_to_date(folder: Folder, say: Callable[[str], None]) -> None:
    """Bring older databases to this release's schema, a copy of each kept beside it.

    The servers are not running.

    Raises:
        StackError: a database is a newer release's, damaged, or could not be brought there.
    """
    for database in databases(folder):
        found = read_revision(database.path)
        if found is None:
            continue
        steps = dict(read_steps(database))
        if found not in steps:
            rule = "this release knows its schema"
            came = f"revision {found}, written by a newer release"
            remedy = "Upgrade perennial, or `perennial restore` a backup of this release."
            raise StackError(str(database.path), rule, came, remedy)
        if found in {before for after in steps.values() for before in after}:
            kept = database.path.with_name(f"{database.path.name}.{found}")
            copy(database.path, kept)
            say(f"{database.name}: its database gets this release's schema; a copy is {kept}")
            # Prefect does it by itself, when it starts.
            if database.name == "mlflow":
                _upgrade(database)


def read_revision(path: Path) -> str | None:
    """Return the revision of a database's schema; None where it is not there, or was never used.

    Raises:
        StackError: the file is no database.
    """
    if not path.exists():
        return None
    asked = "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as opened:
            if not opened.execute(asked).fetchone()[0]:
                return None
            row = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        remedy = "Restore it: `perennial restore`."
        raise StackError(str(path), "it is a SQLite database", error, remedy) from error
    return None if row is None else str(row[0])


def read_steps(database: Database) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each revision that the installed package knows, with those it follows."""
    found = find_spec(database.package)
    assert found is not None
    assert found.origin is not None
    for path in sorted((Path(found.origin).parent / database.steps).glob("*.py")):
        told = {
            match["which"]: frozenset(NAMED.findall(match["value"]))
            for match in REVISION.finditer(path.read_text("utf-8"))
        }
        for revision in told.get("revision", ()):
            yield revision, told.get("down_revision", frozenset())


def copy(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, also while its server writes; whole or not at all.

    Raises:
        StackError: it stayed locked, or there is no room.
    """
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    try:
        with (
            closing(sqlite3.connect(source, timeout=BUSY_SECONDS)) as opened,
            closing(sqlite3.connect(partial)) as made,
        ):
            # In one step: in several, each write of the server would start it anew.
            opened.backup(made)
        partial.replace(target)
    except sqlite3.Error as error:
        raise StackError(str(source), "it can be copied", error, "Try again.") from error
    finally:
        partial.unlink(missing_ok=True)


def _upgrade(database: Database) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{database.path}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        remedy = "Put the copy that lies beside it back, and use the release that wrote it."
        came = done.stdout[-1000:]
        raise StackError(str(database.path), "its schema can be brought up to date", came, remedy)
