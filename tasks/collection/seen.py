"""Which rows landed already, told by their content and counted. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from tasks.errors import DataError

# Bytes of a digest: of 100,000 rows two are taken for one in one of 4 thousand million collections.
SIZE = 8
MOST = 100_000  # rows that are remembered: their digests are a megabyte of a cursor


class SeenRows:
    """A multiset of rows: a row that came twice is twice in it.

    >>> seen = SeenRows([(1, "a"), (1, "a")])
    >>> [seen.take((1, "a")) for _ in range(3)], seen.take((2, "a"))
    ([True, True, False], False)
    """

    def __init__(self, rows: Iterable[Sequence[Any]] = ()) -> None:
        self._counts: Counter[bytes] = Counter()
        self.add(rows)

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        self._counts.update(digest_row(row) for row in rows)

    def take(self, row: Sequence[Any]) -> bool:
        """Take one such row out; say whether there was one."""
        digest = digest_row(row)
        if not self._counts[digest]:
            return False
        self._counts[digest] -= 1
        return True

    def joined(self, other: SeenRows) -> SeenRows:
        """Return the rows of both."""
        both = SeenRows()
        both._counts = self._counts + other._counts
        return both

    def text(self, where: str, remedy: str) -> str:
        """Return the rows as text for a cursor.

        Raises:
            DataError: they are too many to be remembered; `remedy` says what to do then.

        >>> SeenRows.read(SeenRows([("a",)]).text("", "")).take(("a",))
        True
        """
        count = self._counts.total()
        if count > MOST:
            rule = f"at most {MOST:,} rows are told apart by their content"
            raise DataError(where, rule, f"{count:,}", remedy)
        return base64.b64encode(b"".join(sorted(self._counts.elements()))).decode()

    @classmethod
    def read(cls, text: str) -> SeenRows:
        """Return what `text` wrote."""
        seen = cls()
        try:
            data = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            rule, remedy = "it holds digests of rows", "Remove it, and collecting starts anew."
            raise DataError("the cursor", rule, "something else", remedy) from error
        seen._counts.update(data[start : start + SIZE] for start in range(0, len(data), SIZE))
        return seen


def digest_row(row: Sequence[Any]) -> bytes:
    """Return a digest of the values; an instant has one, whatever zone it is told in.

    >>> from datetime import timedelta, timezone
    >>> noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    >>> digest_row([noon]) == digest_row([noon.astimezone(timezone(timedelta(hours=2)))])
    True
    >>> digest_row([1, None]) == digest_row([None, 1]), digest_row(["1"]) == digest_row([1])
    (False, False)
    """
    values = [
        value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value
        for value in row
    ]
    return hashlib.blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=SIZE).digest()
