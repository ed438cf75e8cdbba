"""Rows of a query, read from where the last collecting ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from tasks.collection.arrow_rows import join_tables, make_table, to_parquet
from tasks.collection.collector import Cursor, Say, SourcePage, place_of
from tasks.collection.database import Database, open_database
from tasks.collection.landed_rows import OrderedRows, WholeTable
from tasks.collection.patience import retrying
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
        for attempt in retrying(self._options.retries, SourceUnavailable, self._say):
            with attempt:
                # What was given stays given: another try goes on behind it.
                for page in self._read(place):
                    yield page
                    place = page.cursor

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
    return SourcePage(to_parquet(table, place_of(before)), ".parquet", table.num_rows, behind)
