"""A table of a page as names and rows: covered cells filled, headers merged. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tasks.collection.html import HtmlCell, HtmlRow, HtmlTable
from tasks.errors import ConfigurationError, did_you_mean
from tasks.policy.reading import count_text

LISTED = 10  # tables that an error names


@dataclass(frozen=True)
class NamedRows:
    """The columns' names, each there once, and the texts of the rows, as many in each."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class _Line:
    section: str
    texts: tuple[str, ...]
    heading: bool
    whole: bool  # one cell covers all of it: a title, not a row


def lay_out(table: HtmlTable) -> NamedRows:
    """Return the rows under their names.

    A cell that covers several stands in each of them. The names of several header rows are joined
    from top to bottom; without a header row, the first row has the names. Titles across the whole
    table, headers that are repeated further down, footers and empty rows are no rows.

    >>> cell = HtmlCell
    >>> over = [cell("town", True, 1, 2), cell("people", True, 2)]
    >>> years = [cell("2011", True), cell("2022", True)]
    >>> body = [cell("Ulm"), cell("117"), cell("126")]
    >>> table = HtmlTable("", [HtmlRow(over, "thead"), HtmlRow(years, "thead"), HtmlRow(body)])
    >>> lay_out(table)
    NamedRows(names=('town', 'people 2011', 'people 2022'), rows=(('Ulm', '117', '126'),))
    """
    lines = [line for line in _lines(table) if any(line.texts) and not line.whole]
    header = [line for line in lines if line.section == "thead"]
    if not header:
        count = next((place for place, line in enumerate(lines) if not line.heading), 1)
        header = lines[: count or 1]
    width = max((len(line.texts) for line in lines), default=0)
    known = {line.texts for line in header}
    rows = [
        (*line.texts, *[""] * (width - len(line.texts)))
        for line in lines
        if line not in header
        and line.section != "tfoot"
        and not (line.heading and line.texts in known)
    ]
    return _named([_joined(header, column) for column in range(width)], rows)


def choose_table(tables: Sequence[HtmlTable], wanted: int | str | None, where: str) -> HtmlTable:
    """Return the table of this number (from 1), or the one whose caption or cells hold this text.

    Raises:
        ConfigurationError: there is none, or more than one; it names them.

    >>> towns, rivers = HtmlTable("Towns"), HtmlTable("Rivers and towns")
    >>> choose_table([towns, rivers], "towns", "page").caption
    'Towns'
    >>> choose_table([towns, rivers], None, "page")
    Traceback (most recent call last):
    ...
    tasks.errors.ConfigurationError: page: source.collect.table says which table; got 2 tables: \
1 Towns (0 rows), 2 Rivers and towns (0 rows). Set it to a number or to words of the caption.
    """
    if isinstance(wanted, int):
        matches = [list(tables[wanted - 1 : wanted])]
    elif wanted is None:
        matches = [list(tables)]
    else:
        matches = _of_words(tables, " ".join(wanted.split()).casefold())
    for fitting in matches:
        if len(fitting) == 1:
            return fitting[0]
    several = next(filter(None, matches), [])
    none = f", none of them {wanted}" if wanted is not None and not several else ""
    came = f"{len(several) or len(tables)} tables{none}{_listed(tables)}"
    hint = did_you_mean(str(wanted), [table.caption for table in tables if table.caption])
    rule = "source.collect.table says which table"
    remedy = "Set it to a number or to words of the caption."
    raise ConfigurationError(where, rule, came, f"{hint} {remedy}".strip())


def _of_words(tables: Sequence[HtmlTable], words: str) -> list[list[HtmlTable]]:
    """Return the tables that these words name, the surest way first."""
    return [
        [table for table in tables if table.caption.casefold() == words],
        [table for table in tables if words in table.caption.casefold()],
        [table for table in tables if _holds(table, words)],
    ]


def _listed(tables: Sequence[HtmlTable]) -> str:
    told = [
        f"{number} {_title(table)} ({count_text(len(table.rows), 'row', 'rows')})"
        for number, table in enumerate(tables[:LISTED], 1)
    ]
    rest = ", …" if len(tables) > LISTED else ""
    return f": {', '.join(told)}{rest}" if told else ""


def _title(table: HtmlTable) -> str:
    first = table.rows[0].cells if table.rows else []
    return (table.caption or " | ".join(cell.text for cell in first))[:60]


def _holds(table: HtmlTable, words: str) -> bool:
    return any(words in cell.text.casefold() for row in table.rows for cell in row.cells)


def _lines(table: HtmlTable) -> Iterator[_Line]:
    """Yield each row with what covers it from above."""
    for _, rows in groupby(table.rows, key=lambda row: row.number):
        # column: the cell, and how many rows of this section it still covers
        above: dict[int, tuple[HtmlCell, int]] = {}
        for row in rows:
            yield _line(row, above)


def _line(row: HtmlRow, above: dict[int, tuple[HtmlCell, int]]) -> _Line:
    placed: dict[int, HtmlCell] = {column: cell for column, (cell, _) in above.items()}
    covered = {column: (cell, left - 1) for column, (cell, left) in above.items() if left != 1}
    column = 0
    for cell in row.cells:
        while column in placed:
            column += 1
        for place in range(column, column + cell.columns):
            placed[place] = cell
            if cell.rows != 1:
                # 0 rows: one that never comes down to 1
                covered[place] = (cell, cell.rows - 1)
        column += cell.columns
    above.clear()
    above.update(covered)
    width = max(placed, default=-1) + 1
    cells = [placed.get(place, HtmlCell("")) for place in range(width)]
    whole = width > 1 and len(set(map(id, cells))) == 1
    heading = all(cell.heading or not cell.text for cell in cells)
    return _Line(row.section, tuple(cell.text for cell in cells), heading, whole)


def _joined(header: Sequence[_Line], column: int) -> str:
    texts = [line.texts[column] for line in header if column < len(line.texts)]
    return " ".join(text for text, _ in groupby(filter(None, texts)))


def _named(names: list[str], rows: list[tuple[str, ...]]) -> NamedRows:
    # Columns without a name and without a value are there for the looks.
    used = [place for place, name in enumerate(names) if name or any(row[place] for row in rows)]
    made: list[str] = []
    taken: set[str] = set()
    # How often a name came again: a cell may cover a thousand columns, and stand in many.
    again: Counter[str] = Counter()
    for place in used:
        fresh = name = names[place] or f"column {place + 1}"
        while fresh.casefold() in taken:
            again[name.casefold()] += 1
            fresh = f"{name} {again[name.casefold()] + 1}"
        taken.add(fresh.casefold())
        made.append(fresh)
    return NamedRows(tuple(made), tuple(tuple(row[place] for place in used) for row in rows))
