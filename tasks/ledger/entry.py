"""One line of the ledger."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tasks.errors import DataError

KINDS = (
    "decision",
    "answer",
    "verdict",
    "promotion",
    "rollback",
    "lost",
    "refused",
    "scored",
    "quarantine",
    "rejection",
    "trial",
    "withdrawal",
    "clearance",
)


@dataclass(frozen=True)
class Entry:
    """What happened, when, to which pipeline and model version, by whom, and the figures.

    `id` names the event itself, so that telling it twice leaves it once.

    Raises:
        DataError: the kind is unknown, the id empty, or the time without a zone.
    """

    id: str
    at: datetime
    pipeline: str
    kind: str
    version: int | None
    by: str
    summary: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DataError("ledger entry", f"kind is one of {', '.join(KINDS)}", self.kind)
        if not self.id:
            raise DataError("ledger entry", "it has an id", "none")
        if self.at.tzinfo is None:
            raise DataError("ledger entry", "its time has a zone", self.at)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values; figures that are no numbers become None.

        >>> noon = datetime(2013, 4, 1, 12, tzinfo=UTC)
        >>> entry = Entry("v3", noon, "flights", "verdict", 3, "gate", "passed", {"gain": 0.01})
        >>> Entry.from_dict(entry.to_dict()) == entry
        True
        """
        return {
            "id": self.id,
            "at": self.at.astimezone(UTC).isoformat(),
            "pipeline": self.pipeline,
            "kind": self.kind,
            "version": self.version,
            "by": self.by,
            "summary": self.summary,
            "figures": _finite(self.figures),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Entry:
        """Read what `to_dict` gave."""
        return cls(**{**content, "at": datetime.fromisoformat(content["at"])})


def figures_text(figures: Mapping[str, Any]) -> str:
    """Return the figures as one JSON text.

    >>> figures_text({"gain": float("nan"), "rows": 200})
    '{"gain": null, "rows": 200}'
    """
    return json.dumps(_finite(figures), sort_keys=True, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
