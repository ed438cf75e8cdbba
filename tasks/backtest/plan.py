"""What a backtest is pinned to: the same plan finds every fit and the page of an earlier run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tasks.config import Pipeline
from tasks.data.reference import DatasetRef
from tasks.ledger.entry import Entry
from tasks.ledger.reversal import standing_refusals
from tasks.ledger.suspicion import held_back, suspicions
from tasks.policy.limits import Limits
from tasks.policy.policy import Policy, parse_policy
from tasks.quantities import parse_duration
from tasks.records import plain
from tasks.training.plan import digest
from tasks.tuning.trial import Setting

START = 0.25
# What a history is replayed under unless others are asked for: fixed ones, one for each signal.
FIXED = ("static", "every 1 batch", "every 2 batches", "every 3 batches")
WATCHFUL = ("drift", "performance", "decay", "error_drift", "estimated_performance")
# What a fit depends on; `fits` adds the metric, the confidence and the drift section. Policies are
# left out: another policy finds every fit of before.
FITTING = ("target", "event_time", "key", "task", "features", "training")


@dataclass(frozen=True)
class Recorded:
    """What the ledger says of a history, beside the rows of it.

    Attributes:
        refusals: when each refused batch arrived.
        suspicions: why batches were held back when they came, by id.
        without: those that no person has cleared since; no model learns from them.
    """

    refusals: tuple[datetime, ...] = ()
    suspicions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    @classmethod
    def from_entries(cls, entries: Sequence[Entry]) -> Recorded:
        """Read the ledger as the live monitor does."""
        return cls(
            tuple(entry.at for entry in standing_refusals(entries)),
            {odd.batch: odd.reasons for odd in suspicions(entries)},
            held_back(entries),
        )


@dataclass(frozen=True)
class BacktestPlan:
    """One backtest.

    Attributes:
        setting, origin: what every model is fitted with, and where that comes from.
        rows: of a piece, where the history is not cut into the batches that came.
        start: the share of the rows that the first model is fitted on.
        data, labels: the versions of the curated table and of the labels.
        code, lock: digests.
    """

    pipeline: Pipeline
    setting: Setting
    origin: str
    policies: tuple[Policy, ...]
    rows: int | None
    start: float
    data: DatasetRef
    labels: int | None
    code: str
    lock: str
    recorded: Recorded = field(default_factory=Recorded)

    @property
    def fits(self) -> str:
        """The key of the fits: SHA-256 of all that goes into them, and of no policy."""
        said = self.pipeline.model_dump(mode="json")
        return digest(
            {
                "backtest": {name: said[name] for name in FITTING},
                "metric": self.pipeline.metric,
                "confidence": self.pipeline.gate.confidence,
                "drift": said["monitoring"]["drift"],
                "data": plain(self.data),
                "labels": self.labels,
                "setting": plain(self.setting),
                "rows": self.rows,
                "without": list(self.recorded.without),
                "code": self.code,
                "lock": self.lock,
            }
        )

    @property
    def key(self) -> str:
        """The key of the whole backtest."""
        return digest(
            {
                "fits": self.fits,
                "start": self.start,
                # as canonical texts: a policy written in another way finds the page of before
                "policies": [str(policy) for policy in self.policies],
                "limits": self.limits.to_dict(),
                "delay": self.delay.total_seconds(),
                "own": str(self.own),
                "recorded": plain(self.recorded),
            }
        )

    @property
    def limits(self) -> Limits:
        """What holds the policies back, by the pipeline file."""
        return self.pipeline.limits

    @property
    def own(self) -> Policy:
        """The policy in the pipeline file."""
        return parse_policy(self.pipeline.retraining.policy)

    @property
    def delay(self) -> timedelta:
        """How long labels take."""
        monitoring = self.pipeline.monitoring
        late = monitoring.labels == "delayed"
        return parse_duration(monitoring.label_delay) if late else timedelta(0)


def choose_policies(texts: list[str] | None, own: Policy) -> tuple[Policy, ...]:
    """Return the policies asked for, each once; the defaults and the pipeline's own without any.

    Raises:
        ConfigurationError: one of them is not a policy.

    >>> [str(policy) for policy in choose_policies(["age 8w", "age 56d"], parse_policy("drift"))]
    ['age 56d']
    >>> [str(policy) for policy in choose_policies(None, parse_policy("age 30d"))][-2:]
    ['estimated_performance', 'age 30d']
    """
    asked = [parse_policy(text, "--policy") for text in texts or (*FIXED, *WATCHFUL)]
    return tuple(dict.fromkeys(asked if texts else [*asked, own]))
