"""How one answer leads to the next: which request each position is, and which position follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.collection.rows import dig
from tasks.config.collect import Paging

PARAMETERS = {"page": "page", "offset": "offset", "cursor": "cursor"}
# A number of a page or of rows, a token, or an address; None is the first request.
Position = int | str | None


@dataclass(frozen=True)
class Answer:
    """What the next position follows from: the document, its rows, the links of its headers."""

    document: Any
    rows: int
    links: Mapping[str, str]


def first_position(paging: Paging) -> Position:
    """Return where a source begins.

    >>> first_position(Paging(kind="page")), first_position(Paging(kind="offset"))
    (1, 0)
    """
    return {"page": paging.start, "offset": 0}.get(paging.kind)


def ask(paging: Paging, position: Position, url: str) -> tuple[str, dict[str, Any], bool]:
    """Return the address and the parameters of a position, and whether those of the file go along.

    >>> ask(Paging(kind="page", parameter="p"), 3, "https://a.example/v1")
    ('https://a.example/v1', {'p': 3}, True)
    >>> ask(Paging(kind="link"), "https://a.example/v1?p=2", "https://a.example/v1")
    ('https://a.example/v1?p=2', {}, False)
    """
    if position is None or paging.kind == "none":
        return url, {}, True
    if paging.kind == "link":
        # What a server links to says everything that it is to say.
        return str(position), {}, False
    return url, {paging.parameter or PARAMETERS[paging.kind]: position}, True


def following(paging: Paging, position: Position, answer: Answer) -> Position:
    """Return the position behind an answer, or None where it was the last.

    >>> full, none = Answer({"next": "ab"}, 2, {}), Answer({}, 0, {})
    >>> following(Paging(kind="page"), 1, full), following(Paging(kind="page"), 2, none)
    (2, None)
    >>> following(Paging(kind="offset", size=3), 4, full) is None
    True
    >>> following(Paging(kind="cursor", next="next"), None, full)
    'ab'
    """
    if paging.kind == "cursor":
        token = dig(answer.document, paging.next or "")
        return token if isinstance(token, int | str) and token not in ("", False) else None
    if paging.kind == "link":
        return answer.links.get("next")
    if paging.kind == "none" or answer.rows < (paging.size or 1):
        return None
    assert isinstance(position, int)
    return position + (1 if paging.kind == "page" else answer.rows)
