"""What was seen of one batch by one champion. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.documents import seal, unseal
from tasks.drift.drift import DatasetDrift
from tasks.policy.situation import MetricValue
from tasks.records import plain, read


@dataclass(frozen=True)
class Observation:
    """One batch, as the champion of `version` met it.

    Attributes:
        data_version: the version of the curated table that brought the batch.
        object: the key it arrived under.
        first, last: its event times, as ISO text in UTC; what is dated after it came counts as
            the latest true row.
        clock: the latest time that its rows vouch for, never after they came; None of none.
        rows, labelled: its rows, and those whose target is known now.
        known: rows whose event time is not after the last one that the champion was fitted on.
        live, estimated: the deciding metric with labels, and as estimated without.
        gain: what the champion added to the model it replaced, on the same labelled rows, in the
            metric's unit or as a share of the replaced error; None where no label tells.
        metrics, baselines: every metric with its interval, and the naive predictions' values.
        drift: None where the champion keeps no profile.
        report: the keys of the report's pages.
        suspicions: why no model may learn from it before a person has looked, a sentence each.
        warnings: what else is odd about it.
    """

    pipeline: str
    batch: str
    version: int
    data_version: int
    object: str
    first: str
    last: str
    rows: int
    labelled: int
    known: int
    live: MetricValue | None
    estimated: MetricValue | None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    baselines: Mapping[str, Any] = field(default_factory=dict)
    drift: DatasetDrift | None = None
    report: Mapping[str, str] = field(default_factory=dict)
    suspicions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    clock: str | None = None
    gain: float | None = None

    @property
    def late(self) -> bool:
        """Whether every row of it is older than what the champion knows."""
        return self.known == self.rows

    @property
    def drift_share(self) -> float | None:
        """The weighted share of drifted columns."""
        return None if self.drift is None else self.drift.share

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        figures = {
            "live": None if self.live is None else self.live.to_dict(),
            "estimated": None if self.estimated is None else self.estimated.to_dict(),
        }
        return seal("observation", {**plain(self), **figures})

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Observation:
        """Read what `to_dict` wrote.

        Raises:
            IntegrityError: it is a newer release's.
        """
        there = unseal("observation", content, "observation")
        for name in ("live", "estimated"):
            there[name] = None if there[name] is None else MetricValue.from_dict(there[name])
        return read(cls, there, "observation")
