"""Which objects of the bucket a notification can be about."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.errors import ConfigurationError, StoreError
from tasks.store.keys import checked_key
from tasks.store.layout import checked_name

FOLDERS = ("incoming", "labels")
TABLE_LOG = "_delta_log"  # of a Delta table: its commits are no arrivals


@dataclass(frozen=True)
class Arrived:
    """An object that was created."""

    # nothing else of what a sender says is kept: who ingests asks the bucket
    bucket: str
    key: str

    @property
    def pipeline(self) -> str:
        """The pipeline whose folder the object lies in."""
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
    # a key that would leave its folder, or begin elsewhere, is no one's: names are the sender's
    parts = key.split("/")
    if len(parts) < 3 or parts[1] not in FOLDERS or TABLE_LOG in parts:
        return False
    try:
        checked_key(key)
        checked_name(parts[0])
    except (StoreError, ConfigurationError):
        return False
    return True
