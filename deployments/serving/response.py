"""What the prediction API sends back, errors too: always JSON, always with a reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tasks.policy.reading import count_text
from tasks.serving.answers import ENCODER
from tasks.serving.problems import MOST_PROBLEMS, Unfit

Header = tuple[bytes, bytes]
CLOSE: Header = (b"connection", b"close")
SOON: Header = (b"retry-after", b"1")


class Response(NamedTuple):
    """A status, a JSON body, and headers beside its type and length."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = ()


def said(content: Mapping[str, Any], status: int = 200) -> Response:
    """Return a document."""
    return Response(status, ENCODER.encode(content))


def error(status: int, why: str, *headers: Header) -> Response:
    """Return an error; the text says which rule, what came and what to do."""
    # a text from elsewhere, a file's name in another encoding, may hold what UTF-8 does not
    told = why.encode("utf-8", "replace").decode()
    return Response(status, ENCODER.encode({"error": told}), headers)


def unfit(found: Unfit) -> Response:
    """Return the problems of the rows, by row and field."""
    rows = count_text(len({problem.row for problem in found.problems}), "row", "rows")
    named = len(found.problems)
    where = f" in {rows}"
    if named >= MOST_PROBLEMS:
        where = f"; the first {named}, in {rows}, are named"
    why = f"{found.count}{where}; nothing was predicted"
    return said({"error": why, "problems": found.problems}, 422)
