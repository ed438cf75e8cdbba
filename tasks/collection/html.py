"""The tables of an HTML page, as a reader sees them. Pure; the door of lxml to them.

`pandas.read_html` would read numbers on its own: `007` would become 7, and `1,234` one number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tasks.errors import DataError

SIZE = 32 * 1024 * 1024  # characters of all cells, in each place that they cover
CELL = 8  # a cell's own share of it: the place in a row costs as much as its text
SPAN = 1000  # columns or rows that a cell covers; as browsers have it for columns
UNREAD = {"script", "style", "template", "noscript", "select", "svg", "button", "table"}
APART = {"br", "p", "div", "li"}  # a space stands before what they hold
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


@dataclass(frozen=True)
class HtmlTable:
    """A table as it is written."""

    caption: str = ""
    rows: list[HtmlRow] | tuple[HtmlRow, ...] = ()


def read_tables(page: str, where: str) -> list[HtmlTable]:
    """Return the tables of a page that have a row, in the order in which they begin.

    Raises:
        DataError: the tables are too large.

    >>> page = "<table><caption>Towns<tr><th>name<th>people<tr><td>Ulm<td>126&nbsp;000</table>"
    >>> [table] = read_tables(page, "page")
    >>> table.caption, [[cell.text for cell in row.cells] for row in table.rows]
    ('Towns', [['name', 'people'], ['Ulm', '126 000']])
    """
    from lxml import etree

    # libxml2 takes text in no declared encoding; what the page itself declares was heeded before
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    root = etree.fromstring(page.encode("utf-8", "replace") or b" ", parser)
    if root is None:
        return []
    made, size = [], 0
    for element in root.iter("table"):
        if _is_unseen(element, within=True):
            continue
        table = _table(element)
        size += sum(_size(cell) for row in table.rows for cell in row.cells)
        if size > SIZE:
            rule = f"a page has at most {SIZE:,} characters in its tables"
            raise DataError(where, rule, "more", "It is no page to collect from.")
        if any(row.cells for row in table.rows):
            made.append(table)
    return made


def _table(element: Any) -> HtmlTable:
    captions = list(element.iterchildren("caption"))
    rows, number, last = [], 0, None
    for row in _own_rows(element):
        section = row.getparent()
        number += section is not last
        last = section
        name = section.tag if section.tag in ("thead", "tfoot") else "tbody"
        cells = [_cell(cell) for cell in row.iterchildren("td", "th") if not _is_unseen(cell)]
        rows.append(HtmlRow(cells, name, number))
    return HtmlTable(_text(captions[0]) if captions else "", rows)


def _own_rows(element: Any) -> Iterator[Any]:
    for part in element.iterchildren("tr", "thead", "tbody", "tfoot"):
        if not _is_unseen(part):
            yield from [part] if part.tag == "tr" else part.iterchildren("tr")


def _cell(element: Any) -> HtmlCell:
    columns, rows = _span(element, "colspan"), _span(element, "rowspan")
    return HtmlCell(_text(element), element.tag == "th", max(1, columns), rows)


def _size(cell: HtmlCell) -> int:
    return (CELL + len(cell.text)) * cell.columns * (cell.rows or SPAN)


def _text(element: Any) -> str:
    return MINUS.sub("-", " ".join("".join(_texts(element)).split()))


def _texts(element: Any) -> Iterator[str]:
    yield element.text or ""
    for part in element:
        if part.tag in APART:
            yield " "
        if part.tag not in UNREAD and not _is_unseen(part):
            yield from _texts(part)
        yield part.tail or ""


def _is_unseen(element: Any, *, within: bool = False) -> bool:
    """Say whether an element is not shown, or, with `within`, stands in one that is not."""
    style = element.get("style", "").replace(" ", "").lower()
    # a reference to a footnote is no part of the number that it stands at
    footnote = element.tag == "sup" and "reference" in element.get("class", "").split()
    hidden = footnote or element.get("hidden") is not None or "display:none" in style
    if hidden or not within:
        return bool(hidden)
    around = element.iterancestors()
    return any(other.tag in UNREAD - {"table"} or _is_unseen(other) for other in around)


def _span(element: Any, name: str) -> int:
    text = element.get(name, "").strip()
    return min(int(text), SPAN) if text.isascii() and text.isdigit() else 1
