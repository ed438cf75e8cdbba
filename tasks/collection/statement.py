"""How a person's query becomes the statement that is asked. Pure."""

from __future__ import annotations

from tasks.config.query import without_end

NOTHING = "WHERE 1 = 0"  # its columns alone


def wrap(query: str, condition: str = "") -> str:
    """Return the query as the source of another; its colons are its own, and name no parameter.

    >>> print(wrap("SELECT day::date FROM t; -- all", "WHERE day >= :since"))
    SELECT * FROM (
    SELECT day\\:\\:date FROM t
    ) collected WHERE day >= :since
    """
    # The query is the pipeline's own; values come as parameters.
    return f"SELECT * FROM {_bracketed(query)} {condition}".rstrip()  # noqa: S608


def count(query: str) -> str:
    """Return the statement that counts the rows of the query."""
    return f"SELECT count(*) FROM {_bracketed(query)}"  # noqa: S608


def from_border(column: str, *, begun: bool) -> str:
    """Return the condition of the rows from the border on, in order; `column` is quoted already.

    The border's own rows come again: one with the same value may have come since. So do rows
    without a value, which have no place: they are to be noticed, not to be missed.

    >>> from_border('"at"', begun=True)
    'WHERE "at" >= :since OR "at" IS NULL ORDER BY "at"'
    """
    where = f"WHERE {column} >= :since OR {column} IS NULL " if begun else ""
    return f"{where}ORDER BY {column}"


def _bracketed(query: str) -> str:
    escaped = without_end(query).replace(":", "\\:")
    # The line ends: a comment at the query's end would hide the bracket.
    return f"(\n{escaped}\n) collected"
