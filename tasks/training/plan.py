"""What a training run is pinned to. The same plan gives the same model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from tasks.data.reference import DatasetRef
from tasks.records import plain


@dataclass(frozen=True)
class TrainingPlan:
    """Versions of data and labels, configuration, code, lock, seed and challengers of a run.

    `without` are the batches and files of labels that are held back as suspicious, and not
    cleared by a person. Clearing one makes another plan. `unseen` are those that came too late to
    be looked at: they are in neither version, and make no other plan.
    """

    data: DatasetRef
    configuration: str
    code: str
    lock: str
    seed: int
    challengers: tuple[str, ...] = ("tuned",)
    labels: int | None = None
    without: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The training key: SHA-256 over everything the run is pinned to."""
        return digest({name: value for name, value in plain(self).items() if name != "unseen"})


def digest(document: Any) -> str:
    """Return the SHA-256 of a JSON document; key order does not matter.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    # one text for one document, since the text is what is digested
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
