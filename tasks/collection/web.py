"""Rows of a table of a web page: those that are new, asked for as its host wishes."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence

from tasks.collection.collector import MIB, Cursor, Say, SourcePage, place_of
from tasks.collection.fetch import Fetched, Fetcher
from tasks.collection.grid import NamedRows, choose_table, lay_out
from tasks.collection.hosts import bare
from tasks.collection.html import read_tables
from tasks.collection.landed_rows import WholeTable
from tasks.collection.manners import Manners
from tasks.collection.page_text import LOST, decode_page, is_page
from tasks.config.collect import WebCollect
from tasks.errors import DataError
from tasks.workspace import Workspace

PAGE = 32 * MIB  # bytes of a page, unfolded
UNCHANGED = 304


class WebTableCollector:
    """Collects one table of a page."""

    def __init__(self, workspace: Workspace, options: WebCollect, say: Say, limit: int) -> None:
        self._options, self._say = options, say
        self._limit = min(PAGE, workspace.pipeline.data.max_bytes)

    def pages(self, cursor: Cursor | None) -> Iterator[SourcePage]:
        fetched = self._fetch(_conditions(cursor))
        if fetched.status == UNCHANGED:
            self._say("The page is as it was.")
            return
        table, landed = self._read(fetched), WholeTable(cursor)
        fresh = landed.fresh(table.rows)
        landed.land(fresh)
        tags = {name: fetched.headers.get(name, "") for name in ("etag", "last-modified")}
        behind = landed.cursor(done=True, tags=tags)
        if fresh:
            yield SourcePage(_csv(table.names, fresh, cursor), ".csv.gz", len(fresh), behind)
        elif behind != cursor:
            yield SourcePage(b"", ".csv.gz", 0, behind)

    def _fetch(self, conditions: dict[str, str]) -> Fetched:
        with Fetcher(self._options, self._say, self._limit) as fetcher:
            fetcher.manners = Manners(fetcher, self._options).check
            headers = {"Accept": "text/html, application/xhtml+xml", **conditions}
            return fetcher.get(
                self._options.url, {}, lambda answer: answer, headers=headers, also={UNCHANGED}
            )

    def _read(self, fetched: Fetched) -> NamedRows:
        content_type, where = fetched.headers.get("content-type", ""), bare(fetched.url)
        if not is_page(content_type):
            rule, remedy = "the address is a page", "Where it answers in JSON, set kind: http."
            raise DataError(where, rule, content_type.partition(";")[0], remedy)
        page = decode_page(fetched.content, content_type, self._options.encoding)
        tables = read_tables(page, where)
        table = lay_out(choose_table(tables, self._options.table, where))
        lost = sum(LOST in text for row in (table.names, *table.rows) for text in row)
        if lost:
            rule = "the table's texts are in the encoding that the page says"
            remedy = "Set source.collect.encoding to the right one."
            raise DataError(where, rule, f"{lost:,} that are not", remedy)
        return table


def _conditions(cursor: Cursor | None) -> dict[str, str]:
    """Return the headers by which a server says that a page is as it was."""
    tags = {} if cursor is None else cursor.values["tags"]
    names = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    return {names[name]: text for name, text in tags.items() if text}


def _csv(names: tuple[str, ...], rows: Sequence[Sequence[str]], before: Cursor | None) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    sink = io.BytesIO()
    with gzip.GzipFile(f"{place_of(before)}.csv", "wb", fileobj=sink, mtime=0) as packed:
        packed.write(text.getvalue().encode())
    return sink.getvalue()
