"""What a page shows, as values; `draw` and `markdown` say how. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

# The templates tell parts and cells apart by `kind`: Jinja has no isinstance.
Tone = Literal["", "good", "bad", "warn"]


@dataclass(frozen=True)
class Badge:
    """A word or two that stand out."""

    text: str
    tone: Tone = ""
    kind: ClassVar = "badge"


@dataclass(frozen=True)
class Link:
    """A name that leads to another page of ours, by its path relative to this one."""

    text: str
    path: str
    kind: ClassVar = "link"


@dataclass(frozen=True)
class Code:
    """Text to be copied: a block of its own, or a cell."""

    text: str
    kind: ClassVar = "code"


@dataclass(frozen=True)
class Note:
    """A paragraph in the background: how to read what stands beside it."""

    text: str
    kind: ClassVar = "note"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    lines: tuple[str, ...]
    kind: ClassVar = "bullets"


Cell = str | Badge | Link | Code


@dataclass(frozen=True)
class Grid:
    """A table: column headings and rows; without headings, names beside their values.

    `numeric` columns are set flush right, `marked` rows stand out; both are places from 0.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()
    marked: frozenset[int] = frozenset()
    kind: ClassVar = "table"


@dataclass(frozen=True)
class Figure:
    """A PNG image; `title` is read out where it cannot be seen."""

    title: str
    png: bytes
    kind: ClassVar = "figure"


Part = str | Code | Note | Bullets | Grid | Figure


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it; with a tone, in a box of that colour."""

    title: str
    parts: tuple[Part, ...]
    tone: Tone = ""


@dataclass(frozen=True)
class Page:
    """One page. What is empty is not shown.

    `appendix` is HTML that a library rendered, shown as it is below the rest; whoever gives it
    answers for its harmlessness. Its scripts run only where `scripts` says so.
    """

    title: str
    sections: tuple[Section, ...]
    badge: Badge | None = None
    lead: str = ""
    appendix: str = ""
    scripts: bool = False


def drop_empty(*sections: Section) -> tuple[Section, ...]:
    """Return the sections without their empty parts, and only those with a part left.

    >>> drop_empty(Section("A", ("", "text", Bullets(()))), Section("B", (Grid(("x",), ()),)))
    (Section(title='A', parts=('text',), tone=''),)
    """
    kept = (
        Section(section.title, tuple(filter(_holds, section.parts)), section.tone)
        for section in sections
    )
    return tuple(section for section in kept if section.parts)


def _holds(part: Part) -> bool:
    if isinstance(part, Grid):
        return bool(part.rows)
    return bool(part.lines if isinstance(part, Bullets) else part)
