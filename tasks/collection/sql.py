"""Rows of a query, read from where the last collecting ended."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from tasks.collection.arrow_rows import join_tables, make_table, to_parquet
from tasks.collection.collect import Say
from tasks.collection.collector import Cursor, SourcePage
from tasks.collection.database import Database, open_database
from tasks.collection.fetch import BACKOFF
from tasks.collection.landed_rows import OrderedRows, WholeTable
from tasks.collection.secrets import read_secret
from tasks.collection.statement import NOTHING, count, from_border, wrap
from tasks.config.collect import SqlCollect
from tasks.errors import ConfigurationError, SourceUnavailable, did_you_mean
from tasks.quantities import parse_duration
from tasks.workspace import Workspace

ROWS = 100_000  # of one object


class SqlCollector:
    """Rows of a SELECT: with `since` those that came since, without it those that are new."""

    def __init__(self, workspace: Workspace, options: SqlCollect, say: Say, limit: int) -> None:
        self._options, self._say, self._limit = options, say, limit
        self._address = read_secret(options.url.env, "source.collect.url.env")

    def pages(self, cursor: Cursor | None) -> Iterator[SourcePage]:
        place = cursor
        tries = Retrying(
            stop=stop_after_attempt(self._options.retries + 1),
            wait=BACKOFF,
            retry=retry_if_exception_type(SourceUnavailable),
            before_sleep=self._tell,
            reraise=True,
        )
        for attempt in tries:
            with attempt:
                # What was given stays given: another try goes on behind it.
                for page in self._read(place):
                    yield page
                    place = page.cursor

    def _tell(self, state: RetryCallState) -> None:
        assert state.outcome is not None
        seconds = 0.0 if state.next_action is None else state.next_action.sleep
        self._say(f"{state.outcome.exception()} Again in {seconds:.1f} s.")

    def _read(self, cursor: Cursor | None) -> Iterator[SourcePage]:
        seconds = parse_duration(self._options.timeout).total_seconds()
        with open_database(self._address, self._options.url.env, seconds) as database:
            names = check_columns(database.names(wrap(self._options.query, NOTHING)))
            place, landed = cursor, self._landed(names, cursor)
            gathered: list[pa.Table] = []
            for block in self._blocks(database, landed):
                fresh = landed.fresh(block)
                if not fresh:
                    continue
                landed.land(fresh)
                gathered.append(make_table(names, fresh))
                if self._is_full(gathered):
                    yield _page(gathered, place, place := landed.cursor(done=False))
                    gathered = []
            behind = landed.cursor(done=True)
            if gathered:
                yield _page(gathered, place, behind)
            elif behind != place:
                yield SourcePage(b"", ".parquet", 0, behind)

    def _landed(self, names: tuple[str, ...], cursor: Cursor | None) -> OrderedRows | WholeTable:
        since = self._options.since
        if since is None:
            return WholeTable(cursor)
        if since not in names:
            rule = f"the query gives it: one of {', '.join(names)}"
            raise ConfigurationError(
                "source.collect.since", rule, since, did_you_mean(since, names)
            )
        return OrderedRows(since, names.index(since), cursor)

    def _blocks(
        self, database: Database, landed: OrderedRows | WholeTable
    ) -> Iterator[list[tuple[object, ...]]]:
        query = self._options.query
        if isinstance(landed, WholeTable):
            landed.check_length(database.number(count(query)))
            return database.blocks(wrap(query))
        assert self._options.since is not None
        column = database.quoted(self._options.since)
        border = landed.border
        return database.blocks(wrap(query, from_border(column, begun=border is not None)), border)

    def _is_full(self, tables: list[pa.Table]) -> bool:
        rows = sum(int(table.num_rows) for table in tables)
        return rows >= ROWS or sum(int(table.nbytes) for table in tables) >= self._limit


def check_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of a query's columns, each there once.

    Raises:
        ConfigurationError: one is there twice.

    >>> check_columns(("id", "id", "at"))
    Traceback (most recent call last):
    ...
    tasks.errors.ConfigurationError: source.collect.query: each column has a name of its own; \
got id twice. Name them in the query: SELECT … AS ….
    """
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        rule, remedy = "each column has a name of its own", "Name them in the query: SELECT … AS …."
        raise ConfigurationError("source.collect.query", rule, f"{twice[0]} twice", remedy)
    return names


def _page(tables: list[pa.Table], before: Cursor | None, behind: Cursor) -> SourcePage:
    table = join_tables(tables)
    place = hashlib.sha256(("" if before is None else before.text).encode()).hexdigest()
    return SourcePage(to_parquet(table, place), ".parquet", table.num_rows, behind)
