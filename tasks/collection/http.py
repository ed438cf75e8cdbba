"""Rows of an API that answers in JSON, page by page, taken up again where they ended.

The cursor is the request that brought the newest rows, and how many of its rows were taken: asked
again, it may hold more. The last row that was taken is known again by a digest, so that rows that
moved in between are told, never skipped or taken twice in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.collection.collector import MIB, Cursor, Say, SourcePage, Unreadable
from tasks.collection.fetch import Fetched, Fetcher
from tasks.collection.hosts import bare
from tasks.collection.paging import Answer, Position, ask, first_position, following
from tasks.collection.rows import Top, find_rows, flatten, name_row, parse_json, write_line
from tasks.config.collect import HttpCollect
from tasks.errors import DataError
from tasks.records import plain, read
from tasks.workspace import Workspace

ANSWER = 32 * MIB  # bytes of one answer: as Python's objects it is several times that
MOST_EMPTY = 1_000  # answers in a row: some hold none in between


@dataclass(frozen=True)
class Bookmark:
    """Where reading stands.

    Attributes:
        position: of the newest request that brought rows.
        rows: of its answer that were taken; `last` is the digest of the last of them.
        since: the value that is asked for, and the rows that were taken with it.
        top: the largest value of all rows that were taken, and those that have it.
    """

    position: Position = None
    rows: int = 0
    last: str = ""
    since: Top = field(default_factory=Top)
    top: Top = field(default_factory=Top)


@dataclass(frozen=True)
class Sheet:
    """One answer: its rows, each also as the line to land and by its digest."""

    answer: Answer
    rows: tuple[Mapping[str, Any], ...]
    lines: tuple[bytes, ...]
    names: tuple[str, ...]


class HttpCollector:
    """Collects an API of JSON."""

    def __init__(self, workspace: Workspace, options: HttpCollect, say: Say, limit: int) -> None:
        pipeline = workspace.pipeline
        self._options, self._say, self._limit = options, say, limit
        self._where = bare(options.url)
        self._leave_out = frozenset(pipeline.source.leave_out)
        self._keyed = bool(pipeline.key)
        self._answer = min(ANSWER, pipeline.data.max_bytes)

    def pages(self, cursor: Cursor | None) -> Iterator[SourcePage]:
        reading = self._begin() if cursor is None else read(Bookmark, cursor.values, "cursor")
        lines: list[bytes] = []
        size = 0
        with Fetcher(self._options, self._say, self._answer) as fetcher:
            for taken, after in self._answers(fetcher, reading):
                lines += taken
                size += sum(map(len, taken))
                reading = after
                if size >= self._limit:
                    yield _page(lines, reading)
                    lines, size = [], 0
        if lines or (cursor is not None and _cursor(reading) != cursor):
            yield _page(lines, reading)

    def _begin(self) -> Bookmark:
        since = self._options.since
        start = Top(None if since is None else since.start)
        return Bookmark(first_position(self._options.paging), since=start)

    def _answers(
        self, fetcher: Fetcher, reading: Bookmark
    ) -> Iterator[tuple[list[bytes], Bookmark]]:
        """Yield the new rows of each answer, and where reading stands behind them."""
        paging = self._options.paging
        position, before = reading.position, tuple[str, ...]()
        asked: set[Position] = set()
        empty = 0
        while True:
            asked.add(position)
            sheet = self._fetch(fetcher, reading, position, before)
            same = position == reading.position
            done = reading.rows if same else 0
            if done and sheet.names[done - 1 : done] != (reading.last,):
                reading = self._start_anew(reading)
                position, before = reading.position, ()
                asked.clear()
                continue
            new, top = self._take(sheet, done, reading)
            then = following(paging, position, sheet.answer)
            # An answer without rows may hold some later; the one before it may hold more.
            if sheet.names:
                last = sheet.names[-1]
                reading = Bookmark(position, len(sheet.names), last, reading.since, top)
            # A feed that is polled tells the same token again where nothing is new.
            if then is None or (not sheet.names and then in asked):
                yield new, self._ended(reading)
                return
            yield new, reading
            empty = 0 if sheet.names else empty + 1
            if then in asked or empty > MOST_EMPTY:
                came = "one that was" if then in asked else f"{empty:,} in a row without rows"
                raise self._wrong("each answer leads to one that was not read yet", came)
            position, before = then, sheet.names

    def _fetch(
        self, fetcher: Fetcher, reading: Bookmark, position: Position, before: tuple[str, ...]
    ) -> Sheet:
        options = self._options
        url, params, with_ours = ask(options.paging, position, options.url)
        if with_ours:
            params = {**options.params, **params}
            if options.since is not None and reading.since.value is not None:
                params[options.since.parameter] = reading.since.value

        def parse(fetched: Fetched) -> Sheet:
            document = parse_json(fetched.content)
            found = find_rows(document, options.rows, self._where)
            rows = tuple(flatten(row, self._leave_out, self._where) for row in found)
            lines = tuple(map(write_line, rows))
            names = tuple(map(name_row, rows))
            # A stale cache, or a parameter that the server does not know.
            if names and names == before:
                raise Unreadable(
                    "the answer before once more (a server that repeats its last page needs "
                    "paging.size, one that knows another parameter paging.parameter)"
                )
            return Sheet(Answer(document, len(rows), fetched.links), rows, lines, names)

        return fetcher.get(url, params, parse)

    def _take(self, sheet: Sheet, done: int, reading: Bookmark) -> tuple[list[bytes], Top]:
        """Return the new lines behind the first `done`, and the largest value with them."""
        if self._options.since is None:
            return list(sheet.lines[done:]), reading.top
        column, where = self._options.since.column, self._where
        # Who answers with the rows at the value, and not behind it alone, repeats those.
        known, top = frozenset(reading.since.rows), reading.top
        new = []
        behind = zip(sheet.rows[done:], sheet.lines[done:], sheet.names[done:], strict=True)
        for row, line, name in behind:
            if row.get(column) is None:
                remedy = "Set source.collect.since.column to one that every row has."
                raise DataError(where, f"a row has a value in {column}", "none", remedy)
            if name in known or (known and reading.since.is_above(row[column], where)):
                continue
            top = top.see(row[column], name, where)
            new.append(line)
        return new, top

    def _ended(self, reading: Bookmark) -> Bookmark:
        """Return where the next collecting begins."""
        if self._options.since is None:
            return reading
        top = reading.top if reading.top.value is not None else reading.since
        # Its rows go along: a value that stays the largest keeps them.
        return replace(self._begin(), since=top, top=top if top.rows else Top())

    def _start_anew(self, reading: Bookmark) -> Bookmark:
        if not self._keyed:
            rule = "rows that were read stay in their place"
            remedy = (
                "Ask in source.collect.params for an order in which new rows come last, or set a "
                "key, by which rows that come again are dropped."
            )
            raise self._wrong(rule, "others", remedy)
        self._say(
            "Rows moved in the source: it is read from the start again, and ingesting drops by "
            "their key those that are known."
        )
        return replace(self._begin(), since=reading.since, top=reading.top)

    def _wrong(
        self, rule: str, came: str, remedy: str = "Check source.collect.paging."
    ) -> DataError:
        return DataError(self._where, rule, came, remedy)


def _cursor(reading: Bookmark) -> Cursor:
    return Cursor.of(**plain(reading))


def _page(lines: list[bytes], reading: Bookmark) -> SourcePage:
    return SourcePage(b"".join(lines), ".jsonl", len(lines), _cursor(reading))
