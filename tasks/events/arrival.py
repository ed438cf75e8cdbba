"""Which objects of the bucket a notification can be about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.errors import ConfigurationError, StoreError
from tasks.store.keys import checked_key
from tasks.store.layout import checked_name

FOLDERS = ("incoming", "labels")
TABLE_LOG = "_delta_log"  # of a Delta table: its commits are no arrivals
ETAG = re.compile(r'"?([\x21\x23-\x7e]{1,128})"?')  # RFC 9110, strong tags only
MOST = 2**63  # a greater number is no size: senders are not trusted


@dataclass(frozen=True)
class Arrived:
    """An object that was created: `size` in bytes, `at` in UTC, as the sender says.

    Nothing is decided by `etag`, `size` and `at`: who ingests asks the bucket.
    """

    bucket: str
    key: str
    etag: str | None = None
    size: int | None = None
    at: datetime | None = None

    @property
    def pipeline(self) -> str:
        """The pipeline whose folder the object lies in.

        >>> Arrived("perennial", "flights/incoming/2013-01.csv").pipeline
        'flights'
        """
        return self.key.partition("/")[0]


def is_awaited(key: str) -> bool:
    """Return whether some pipeline waits for an object of this key.

    >>> is_awaited("flights/incoming/2013-01.csv"), is_awaited("flights/labels/may.csv")
    (True, True)
    >>> is_awaited("flights/curated/a.parquet"), is_awaited("mlflow/incoming/a.csv")
    (False, False)
    >>> is_awaited("flights/incoming/../../other/incoming/a.csv"), is_awaited("flights/incoming/")
    (False, False)
    """
    parts = key.split("/")
    if len(parts) < 3 or parts[1] not in FOLDERS or TABLE_LOG in parts:
        return False
    try:
        checked_key(key)
        checked_name(parts[0])
    except (StoreError, ConfigurationError):
        return False
    return True


def parse_etag(value: Any) -> str | None:
    """Return an ETag without its quotes; None when it is none.

    >>> parse_etag('"9b2cf535"'), parse_etag(["9b2cf535"]), parse_etag("")
    ('9b2cf535', None, None)
    """
    found = ETAG.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def parse_size(value: Any) -> int | None:
    """Return a count of bytes; None when it is none.

    >>> parse_size(7), parse_size(-7), parse_size(True), parse_size("7")
    (7, None, None, None)
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < MOST else None


def parse_moment(value: Any) -> datetime | None:
    """Return a moment in UTC from ISO 8601 or from seconds since 1970; None when it is none.

    >>> parse_moment("2026-01-02T03:04:05+02:00").isoformat()
    '2026-01-02T01:04:05+00:00'
    >>> parse_moment(0).isoformat(), parse_moment("soon"), parse_moment(1e300)
    ('1970-01-01T00:00:00+00:00', None, None)
    """
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None
