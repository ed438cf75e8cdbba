"""The same values as Markdown, for Prefect's artifacts and MLflow. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tasks.pages.page import Badge, Bullets, Cell, Code, Figure, Grid, Note, Part, Section

# What is markup anywhere; at the start of a line; beside a word, not in it; after a first digit.
SPECIAL = re.compile(r"[\\`*{}\[\]<>|~$&]|^[#+\-]|(?<!\w)_|_(?!\w)|(?<=^\d)[.)](?=\s)")


def escape(text: str) -> str:
    r"""Return text that Markdown shows as it is, on one line.

    >>> print(escape("<b>*roc_auc*|_y_\nz"))
    \<b\>\*roc_auc\*\|\_y\_ z
    """
    return SPECIAL.sub(r"\\\g<0>", " ".join(str(text).split()))


def write_sections(sections: Iterable[Section], level: int = 2) -> list[str]:
    """Return a line a heading or part, an empty one after each."""
    lines = []
    for section in sections:
        lines += [f"{'#' * level} {escape(section.title)}", ""]
        for part in section.parts:
            lines += [write_part(part), ""]
    return lines


def write_part(part: Part) -> str:
    r"""Return a paragraph, a list or a table; of a figure, its title.

    >>> print(write_part(Grid(("a", "b"), (("x|y", Badge("1")),), frozenset({1}))))
    | a | b |
    |---|---:|
    | x\|y | **1** |
    """
    match part:
        case Bullets(lines):
            return "\n".join(f"- {escape(line)}" for line in lines)
        case Grid(heads, rows, numeric):
            rule = ("---:" if place in numeric else "---" for place in range(len(heads)))
            return "\n".join([_row(heads), "|" + "|".join(rule) + "|", *map(_row, rows)])
        case Code(text) | Note(text) | Figure(text):
            return escape(text)
        case _:
            return escape(part)


def _row(cells: Iterable[Cell]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(cell: Cell) -> str:
    text = escape(cell if isinstance(cell, str) else cell.text)
    loud = isinstance(cell, Badge) and cell.tone not in ("good", "warn")
    return f"**{text}**" if loud else text
