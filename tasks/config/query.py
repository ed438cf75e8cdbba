"""One query of a person's: is it a single one that reads? Pure.

Two guards stand behind this one: the query becomes part of another, where no database lets a
statement write, and its transaction is told to read only where the database knows such a thing.
"""

from __future__ import annotations

import re

# What may hold any sign: texts, quoted names, comments, PostgreSQL's texts between dollars.
QUOTED = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$""", re.DOTALL
)


def query_fault(query: str) -> str:
    """Return what is wrong with a query, or nothing.

    >>> query_fault("SELECT ';' FROM t -- all; of them"), query_fault("SELECT 1; -- the only one")
    ('', '')
    >>> query_fault("SELECT 1; DROP TABLE t")
    'it is one statement, and here are 2: keep the SELECT alone'
    >>> query_fault("DELETE FROM t")
    'it begins with SELECT or WITH, for a collector only reads'
    """
    bare = _without_texts(query)
    statements = [part for part in bare.split(";") if part.strip()]
    if len(statements) > 1:
        return f"it is one statement, and here are {len(statements)}: keep the SELECT alone"
    first = re.match(r"[\s(]*(\w*)", bare)
    if first is None or first[1].upper() not in ("SELECT", "WITH"):
        return "it begins with SELECT or WITH, for a collector only reads"
    return ""


def without_end(query: str) -> str:
    """Return the query without the semicolon at its end, and what stands behind it.

    >>> without_end("SELECT ';' AS sign FROM t; -- so")
    "SELECT ';' AS sign FROM t"
    """
    end = _without_texts(query).find(";")
    return query if end < 0 else query[:end]


def _without_texts(query: str) -> str:
    # As long as the query, so that the places stay.
    return QUOTED.sub(lambda text: " " * len(text[0]), query)
