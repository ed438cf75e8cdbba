"""Which column orders the rows, which identifies them, and which are no features. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tasks.config.choices import is_output
from tasks.drafting.target import words_of
from tasks.errors import ConfigurationError, did_you_mean
from tasks.readers.kinds import TIMES
from tasks.readers.options import Reading
from tasks.readers.source import doubt_header
from tasks.readers.study import ColumnStudy

Columns = Mapping[str, ColumnStudy]
YEARS = ("year", "yr", "jahr")
MANY_YEARS = 10  # of fewer, one is a fifth of the rows or more: a feature, and no order of rows
IDENTIFYING = frozenset(
    ("id", "key", "uuid", "guid", "number", "no", "nr", "num", "code", "ref", "reference", "sku")
)
# Counts of the file's own rows: they start again in the next file, and so identify nothing.
POSITIONS = frozenset(("index", "row", "rownames", "rownum", "rownumber", "unnamed", "line"))
OWN_VALUES = 0.5  # the share of rows from which on a column of words is an identifier
FREE_TEXT = 3.0  # mean words of a value, from which on it is text that a person wrote


@dataclass(frozen=True)
class RoleChoice:
    """The column that was chosen for a role, None for none, and the ground."""

    column: str | None
    ground: str


def check_column(columns: Iterable[str], name: str, option: str) -> None:
    """Refuse a column that the file lacks, and say which name is the nearest.

    >>> check_column(["price", "size"], "prise", "--target")
    Traceback (most recent call last):
    ...
    tasks.errors.ConfigurationError: --target: it is a column of the file; got prise. \
Did you mean price? Columns: price, size.
    """
    known = list(columns)
    if name in known:
        return
    listed = ", ".join(known[:30]) + (", …" if len(known) > 30 else "")
    told = (did_you_mean(name, known), f"Columns: {listed}.", doubt_header(known))
    remedy = " ".join(filter(None, told))
    raise ConfigurationError(option, "it is a column of the file", name, remedy)


def choose_time(columns: Columns, asked: str | None) -> RoleChoice:
    """Return the column that orders the rows; without one, they are exchangeable.

    Args:
        columns: all but the target and what is personal.
        asked: what a person named; `none` where the rows have no order.

    Raises:
        ConfigurationError: several could be it, or the one that was asked for is no time.
    """
    if asked == "none" and "none" not in columns:
        return RoleChoice(None, "as asked: rows are exchangeable")
    if asked is not None:
        check_column(columns, asked, "--time")
        if time_form(columns[asked]) is None:
            raise _no_time(columns, asked)
        return RoleChoice(asked, "as asked")
    times = [name for name, column in columns.items() if column.kind in TIMES]
    whole = [name for name in times if not columns[name].missing and not columns[name].constant]
    if len(whole) > 1:
        shown = "; ".join(
            f"{name} (such as {', '.join(columns[name].examples[:1])})" for name in whole
        )
        remedy = f"Name one: --time {whole[0]}. Where rows have no order: --time none."
        raise ConfigurationError("--time", "one column orders the rows", shown, remedy)
    if whole:
        return RoleChoice(whole[0], "the only date or time without gaps")
    years = [name for name, column in columns.items() if _orders_by_year(column)]
    if len(years) == 1:
        return RoleChoice(years[0], "the only year; --time none where rows have no order")
    some = f"; {', '.join(times)} lacks values or has one alone" if times else ""
    return RoleChoice(None, f"no column holds a date or a time in every row{some}")


def time_form(column: ColumnStudy) -> Reading | None:
    """Return how a column reads as a time: as it does anyway, or by a form that fits; else None."""
    if column.kind in TIMES:
        return column.reading or Reading()
    return next((form for form in column.forms if form.kind in TIMES), None)


def is_year(column: ColumnStudy) -> bool:
    """Say whether a time is a year alone: no part of it comes again, to be learned from."""
    form = time_form(column)
    return form is not None and form.format == "%Y"


def _orders_by_year(column: ColumnStudy) -> bool:
    named = column.name.casefold() in YEARS and not column.missing
    many = column.distinct is None or column.distinct >= MANY_YEARS
    return named and many and column.kind == "integer" and is_year(column)


def _no_time(columns: Columns, asked: str) -> ConfigurationError:
    times = [name for name, column in columns.items() if time_form(column) is not None]
    came = f"{asked}, of kind {columns[asked].kind}"
    there = f"Times here: {', '.join(times)}." if times else "The file has none: --time none."
    return ConfigurationError("--time", "a date or a timestamp orders rows", came, there)


def choose_key(columns: Columns, asked: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Return the columns that identify a row, and the ground; a float never does.

    Raises:
        ConfigurationError: a column that was asked for cannot identify a row.
    """
    for name in asked:
        check_column(columns, name, "--key")
        if columns[name].kind == "number":
            remedy = "Equal numbers with decimals may differ in their last bit: choose another."
            raise ConfigurationError("--key", "no decimal number identifies rows", name, remedy)
        if len(asked) == 1 and columns[name].distinct is not None and not columns[name].unique:
            came = f"{name}: {columns[name].distinct:,} different values"
            remedy = "Name the columns that together differ in each row: --key A --key B."
            raise ConfigurationError("--key", "a key differs in every row", came, remedy)
    if asked:
        return asked, "as asked"
    unique = [name for name, column in columns.items() if _could_identify(column)]
    named = [name for name in unique if IDENTIFYING & set(words_of(name))]
    chosen = (named or [name for name in unique if columns[name].kind == "string"])[:1]
    if not chosen:
        return (), "no column is unique and looks like an identifier"
    others = [name for name in unique if name not in chosen]
    also = f"; {', '.join(others[:3])} would do as well" if others else ""
    again = ""
    if columns[chosen[0]].running:
        again = ", and must not start again in the next file"
    return tuple(chosen), f"its values are unique and never missing{again}{also}"


def _could_identify(column: ColumnStudy) -> bool:
    if not column.unique or column.missing or column.kind not in ("string", "integer"):
        return False
    return column.words < FREE_TEXT - 1 and not is_position(column) and not is_output(column.name)


def is_position(column: ColumnStudy) -> bool:
    """Say whether a column counts the rows of its own file."""
    words = words_of(column.name)
    return column.running and (not words or words[0] in POSITIONS)


def find_useless(columns: Columns, rows: int) -> dict[str, str]:
    """Return why columns are no features, by their names: identifiers and running numbers."""
    found = {}
    for name, column in columns.items():
        distinct = rows if column.distinct is None else column.distinct
        known = max(rows - column.missing, 1)
        if column.running and (column.unique or column.distinct is None):
            found[name] = "it numbers the rows"
        elif column.kind == "integer" and column.unique and IDENTIFYING & set(words_of(name)):
            found[name] = "it identifies rows"
        elif column.kind == "string" and column.words < FREE_TEXT and distinct > OWN_VALUES * known:
            found[name] = f"nearly every row has a value of its own ({distinct:,} of {known:,})"
    return found
