"""The tables of an HTML page, as a reader sees them. Pure.

The standard library's parser is lenient, as browsers are; which end tags may be left out inside a
table is said here (https://html.spec.whatwg.org/multipage/syntax.html#optional-tags).
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tasks.errors import DataError

SIZE = 32 * 1024 * 1024  # characters of all cells, in each place that they cover
CELL = 8  # a cell's own share of it: the place in a row costs as much as its text
SPAN = 1000  # columns or rows that a cell covers; as browsers have it for columns
PART = 256 * 1024  # characters that are parsed between two looks at the clock
HELD = 32 * PART  # characters of one tag or script, which are looked at again with every part
VOID = {"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "track", "wbr"}
UNREAD = {"script", "style", "template", "noscript", "select", "svg", "button"}
# What ends a hidden element whose own end tag was left out; other elements end by their own alone.
SECTIONS = {"tbody", "thead", "tfoot"}
ROW_ENDS = {"tr", "table", *SECTIONS}
INLINE = {"a", "b", "i", "li", "p", "small", "span", "sub", "sup", "td", "th"}
ENDS = {
    **{name: {"td", "th", *ROW_ENDS} for name in INLINE},
    "tr": ROW_ENDS,
    **{name: {"table", *SECTIONS} for name in SECTIONS},
}
MINUS = re.compile(r"^\u2212(?=[\d.,])")  # the typographical one, which no number is written with


@dataclass(frozen=True)
class HtmlCell:
    """A cell, and how many columns and rows it covers; 0 rows: all that follow in its section."""

    text: str
    heading: bool = False
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True)
class HtmlRow:
    """A row, and its section: `thead`, `tbody` or `tfoot`, and the how manieth of the table."""

    cells: list[HtmlCell]
    section: str = "tbody"
    number: int = 0


@dataclass
class HtmlTable:
    """A table as it is written."""

    caption: str = ""
    rows: list[HtmlRow] = field(default_factory=list)


def read_tables(page: str, where: str, seconds: float) -> list[HtmlTable]:
    """Return the tables of a page that have a row, in the order in which they begin.

    Raises:
        DataError: the tables are too large, a tag has no end, or reading takes too long.

    >>> page = "<table><caption>Towns<tr><th>name<th>people<tr><td>Ulm<td>126&nbsp;000</table>"
    >>> [table] = read_tables(page, "page", 1.0)
    >>> table.caption, [[cell.text for cell in row.cells] for row in table.rows]
    ('Towns', [['name', 'people'], ['Ulm', '126 000']])
    """
    until = time.monotonic() + seconds
    parser = _Parser()
    for start in range(0, len(page), PART):
        parser.feed(page[start : start + PART])
        held = len(parser.rawdata)
        if parser.size > SIZE:
            raise _too_much(where, f"at most {SIZE:,} characters in its tables")
        if held > HELD or time.monotonic() > until:
            raise _too_much(where, f"tags that end, and can be read in {seconds:g} s")
    parser.close()
    return [table for table in parser.tables if any(row.cells for row in table.rows)]


def _too_much(where: str, what: str) -> DataError:
    return DataError(where, f"a page has {what}", "more", "It is no page to collect from.")


class _Open:
    """A table that is being read, and where in it."""

    def __init__(self) -> None:
        self.table = HtmlTable()
        self.section, self.number = "tbody", 0
        self.row: list[HtmlCell] | None = None
        self.cell: tuple[bool, int, int] | None = None
        self.texts: list[str] | None = None
        self.in_caption = False

    @property
    def covered(self) -> int:
        """Return how many places the text that is being read stands in."""
        return 1 if self.cell is None else self.cell[1] * (self.cell[2] or SPAN)

    def end_cell(self) -> None:
        text = MINUS.sub("-", " ".join("".join(self.texts or ()).split()))
        if self.in_caption:
            self.table.caption = text
        elif self.cell is not None and self.row is not None:
            self.row.append(HtmlCell(text, *self.cell))
        self.cell, self.texts, self.in_caption = None, None, False

    def end_row(self) -> None:
        self.end_cell()
        # One without cells too: cells from above reach into it.
        if self.row is not None:
            self.table.rows.append(HtmlRow(self.row, self.section, self.number))
        self.row = None

    def begin_cell(self, heading: bool, columns: int, rows: int) -> None:
        self.end_cell()
        if self.row is None:
            self.row = []
        self.cell, self.texts = (heading, columns, rows), []

    def begin_caption(self) -> None:
        self.end_cell()
        self.in_caption, self.texts = True, []


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[HtmlTable] = []
        self.size = 0
        self._open: list[_Open] = []
        # A tag that is not shown, and how many of its name are open in it.
        self._hidden: tuple[str, int] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._is_hidden(tag, 1):
            return
        told = {name: value or "" for name, value in attrs}
        if tag not in VOID and _is_unseen(tag, told):
            self._hidden = (tag, 1)
        elif tag == "table":
            self._open.append(_Open())
            self.tables.append(self._open[-1].table)
        elif self._open:
            self._begin(tag, told)

    def _begin(self, tag: str, told: dict[str, str]) -> None:
        now = self._open[-1]
        if tag == "caption":
            now.begin_caption()
        elif tag in SECTIONS:
            now.end_row()
            now.section, now.number = tag, now.number + 1
        elif tag == "tr":
            now.end_row()
            now.row = []
        elif tag in ("td", "th"):
            columns, rows = max(1, _span(told, "colspan")), _span(told, "rowspan")
            now.begin_cell(tag == "th", columns, rows)
            self.size += CELL * now.covered
        elif tag in ("br", "p", "div", "li") and now.texts is not None:
            now.texts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._is_hidden(tag, -1) or not self._open:
            return
        now = self._open[-1]
        if tag == "table":
            now.end_row()
            self._open.pop()
        elif tag == "tr" or tag in SECTIONS:
            now.end_row()
        elif tag in ("td", "th", "caption"):
            now.end_cell()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # HTML knows no `<td/>`: it is a start tag.
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if self._hidden is None and self._open and self._open[-1].texts is not None:
            self._open[-1].texts.append(data)
            self.size += len(data) * self._open[-1].covered

    def close(self) -> None:
        # Not the parser's own: from each sign of a tag that never ends it looks at all the rest
        # (CVE-2025-6069). What is left has no end, and is no cell.
        while self._open:
            self._open.pop().end_row()

    def _is_hidden(self, tag: str, step: int) -> bool:
        """Say whether this tag is part of what is not shown, its last end tag included."""
        if self._hidden is None:
            return False
        name, depth = self._hidden
        left_open = tag in ENDS.get(name, ())
        if (tag == name and step < 0) or not left_open:
            depth += step if tag == name else 0
            self._hidden = (name, depth) if depth else None
            return True
        self._hidden = None
        return False


def _is_unseen(tag: str, told: dict[str, str]) -> bool:
    style = told.get("style", "").replace(" ", "").lower()
    # A reference to a footnote is no part of the number that it stands at.
    footnote = tag == "sup" and "reference" in told.get("class", "").split()
    return tag in UNREAD or footnote or "hidden" in told or "display:none" in style


def _span(told: dict[str, str], name: str) -> int:
    text = re.match(r"\s*(\d{1,9})", told.get(name, "1"))
    return 1 if text is None else min(int(text[1]), SPAN)
