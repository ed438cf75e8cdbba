"""The door to SQLAlchemy: one connection to a person's database, which only reads.

A plain `postgresql://` address goes through the driver that is installed; asyncpg always is.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tasks.collection.database_errors import translate
from tasks.errors import ConfigurationError

T = TypeVar("T")
Act = Callable[[Callable[[sa.Connection], T]], T]
BLOCK = 1000  # rows that a driver holds at once
DRIVERS = ("psycopg", "psycopg2", "asyncpg")
SLACK = 5.0  # seconds after which a server that should have ended a statement counts as gone
# What each driver calls the seconds within which it has to be connected, or to get a lock.
PATIENCE = {
    "asyncpg": "timeout",
    "psycopg": "connect_timeout",
    "psycopg2": "connect_timeout",
    "pysqlite": "timeout",
}


@dataclass
class Database:
    """An open connection. Its one transaction is never committed."""

    where: str
    url: URL
    seconds: float
    act: Act[Any]
    until: float = 0.0

    def quoted(self, name: str) -> str:
        """Return a column's name as this database writes it, whatever signs are in it."""
        return self.url.get_dialect()().identifier_preparer.quote_identifier(name)

    def names(self, statement: str) -> tuple[str, ...]:
        """Return the columns of a statement, in order."""

        def read(connection: sa.Connection) -> tuple[str, ...]:
            with connection.execute(sa.text(statement)) as result:
                return tuple(result.keys())

        return self._do(read)

    def number(self, statement: str) -> int:
        """Return the one number that a statement gives."""
        return self._do(lambda connection: int(connection.execute(sa.text(statement)).scalar_one()))

    def blocks(self, statement: str, since: Any = None) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a statement as they come; `since` is the value of its parameter."""
        asked = sa.text(statement)
        if since is not None:
            asked = asked.bindparams(sa.bindparam("since", since, type_=_type_of(since)))
        streaming = {"stream_results": True, "max_row_buffer": BLOCK}
        result = self._do(lambda connection: connection.execute(asked, execution_options=streaming))
        while block := self._do(lambda _: result.fetchmany(BLOCK)):
            yield [tuple(row) for row in block]

    def prepare(self) -> None:
        """Tell the database to refuse every write, and to end a statement in time."""
        if self.url.get_backend_name() == "postgresql":
            limit = f"SET LOCAL statement_timeout = {int(self.seconds * 1000)}"
            self._do(lambda connection: connection.exec_driver_sql(limit).close())
        elif self.url.get_backend_name() == "sqlite":
            self._do(self._prepare_sqlite)

    def _prepare_sqlite(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON").close()
        driver: Any = connection.connection.driver_connection
        # Called every so many instructions of SQLite's machine, some milliseconds.
        driver.set_progress_handler(lambda: int(time.monotonic() > self.until), 100_000)

    def _do(self, act: Callable[[sa.Connection], T]) -> T:
        self.until = time.monotonic() + self.seconds
        with translate(self.where, self.url, self.seconds):
            done: T = self.act(act)
            return done


@contextmanager
def open_database(address: str, where: str, seconds: float) -> Iterator[Database]:
    """Yield a connection to the database of this address; `where` names it in errors.

    `seconds` is how long a statement may take until its first rows, or until the next ones.

    Raises:
        ConfigurationError: the address is none, its driver is not installed, its file is missing.
        SourceUnavailable: no connection was made.
    """
    url = _usable(address, where)
    with translate(where, url, seconds, connecting=True):
        connection = _Connection(url, seconds)
    try:
        database = Database(where, url, seconds, connection.act)
        database.prepare()
        yield database
    finally:
        connection.close()


class _Connection:
    """A connection of either kind of driver, behind one way to use it."""

    def __init__(self, url: URL, seconds: float) -> None:
        self._runner: asyncio.Runner | None = None
        told = {PATIENCE[url.get_driver_name()]: max(1, int(seconds))} if _waits(url) else {}
        options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
        if url.get_backend_name() == "postgresql":
            # One picture of the table, however long it is read; and no write from within it.
            options |= {"isolation_level": "REPEATABLE READ"}
        if not url.get_dialect().is_async:
            self._plain = sa.create_engine(url, connect_args=told, **options).connect()
            self._plain.execution_options(postgresql_readonly=True)
            return
        self._runner = asyncio.Runner()
        try:
            told["command_timeout"] = int(seconds + SLACK)
            engine = create_async_engine(url, connect_args=told, **options)
            self._other = self._runner.run(_connect(engine))
        except BaseException:
            self._runner.close()
            raise

    def act(self, act: Callable[[sa.Connection], T]) -> T:
        if self._runner is None:
            return act(self._plain)
        return self._runner.run(self._other.run_sync(act))

    def close(self) -> None:
        # The server may be gone, and what was read is read.
        with suppress(Exception):
            if self._runner is None:
                self._plain.close()
            else:
                self._runner.run(self._other.close())
        if self._runner is not None:
            self._runner.close()


async def _connect(engine: AsyncEngine) -> AsyncConnection:
    connection = await engine.connect()
    return await connection.execution_options(postgresql_readonly=True)


def _waits(url: URL) -> bool:
    return url.get_driver_name() in PATIENCE


def _usable(address: str, where: str) -> URL:
    """Return the address with a driver that is here; a file is opened to be read alone."""
    try:
        url = sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):
        rule, remedy = "it holds an address such as postgresql://user:password@host/name", "Set it."
        # Without the cause: it may show the address, and that holds a password.
        raise ConfigurationError(where, rule, "something else", remedy) from None
    if url.drivername in ("postgres", "postgresql"):
        installed = [name for name in DRIVERS if importlib.util.find_spec(name)]
        url = url.set(drivername=f"postgresql+{installed[0]}")
    try:
        url.get_dialect().import_dbapi()
    except sa.exc.NoSuchModuleError:
        rule, remedy = "SQLAlchemy knows the database", "Install its dialect."
        raise ConfigurationError(where, rule, url.drivername, remedy) from None
    except ImportError as error:
        rule, remedy = "the database's driver is installed", "Install it."
        raise ConfigurationError(where, rule, f"no {error.name}", remedy) from error
    return _read_only_file(url, where) if url.get_backend_name() == "sqlite" else url


def _read_only_file(url: URL, where: str) -> URL:
    path = Path(url.database or "")
    # SQLite makes an empty database where there is none.
    if not path.is_file():
        rule, remedy = "it names the file of a SQLite database", "Check the path."
        raise ConfigurationError(where, rule, "no such file", remedy)
    name = f"file:{quote(str(path.resolve()))}"
    return URL.create("sqlite", database=name, query={"mode": "ro", "uri": "true"})


def _type_of(value: Any) -> sa.types.TypeEngine[Any]:
    # Left to itself, SQLAlchemy takes a time with a zone for one without, and 2**40 for 32 bits.
    if isinstance(value, datetime):
        return sa.DateTime(timezone=value.tzinfo is not None)
    if isinstance(value, Decimal):
        return sa.Numeric()
    if isinstance(value, int):
        return sa.BigInteger()
    return sa.literal(value).type
