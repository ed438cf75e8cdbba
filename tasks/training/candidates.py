"""The challengers of one training run, each judged, and the one that was chosen. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tasks.policy.challengers import ChallengerSpec
from tasks.promotion.gate import Verdict
from tasks.training.contender import Contender
from tasks.training.cost import Cost
from tasks.training.steps import HoldoutResult
from tasks.tuning.trial import Tuning


@dataclass(frozen=True)
class Candidate:
    """One challenger, what it showed on the holdout, and the gate's verdict on it."""

    challenger: ChallengerSpec
    contender: Contender
    judged: HoldoutResult
    verdict: Verdict

    @property
    def score(self) -> float:
        """Its deciding metric on the holdout."""
        return self.judged.evaluation.deciding.value

    @property
    def gain(self) -> float | None:
        """How much better than the champion on the same rows; None without a champion."""
        against = self.judged.comparison
        return None if against is None else against.gain.value


@dataclass(frozen=True)
class Chosen:
    """Every candidate, and the place of the best that passed (or of the best)."""

    tuning: Tuning
    candidates: tuple[Candidate, ...]
    place: int

    @property
    def best(self) -> Candidate:
        return self.candidates[self.place]

    def replace_best(self, judged: HoldoutResult, verdict: Verdict) -> Chosen:
        """Return it with the chosen one judged against another champion."""
        candidates = list(self.candidates)
        candidates[self.place] = replace(self.best, judged=judged, verdict=verdict)
        return replace(self, candidates=tuple(candidates))

    def to_dicts(self, costs: dict[str, Cost]) -> list[dict[str, Any]]:
        """Return a line of figures a candidate, with what its fit cost."""
        return [
            {
                "challenger": candidate.challenger.text,
                "family": candidate.contender.setting.family,
                "rows": candidate.contender.rows,
                "chosen": candidate is self.best,
                "passed": candidate.verdict.passed,
                "score": candidate.score,
                "gain": candidate.gain,
                "reasons": list(candidate.verdict.reasons),
                "cost": costs.get(f"contender-{candidate.challenger.step}.json", Cost()).to_dict(),
            }
            for candidate in self.candidates
        ]

    def table(self, costs: dict[str, Cost]) -> list[dict[str, Any]]:
        """Return the same as flat rows for a page."""
        rows = self.to_dicts(costs)
        flat = ("challenger", "family", "rows", "score", "gain", "passed", "chosen")
        return [
            {name: row[name] for name in flat} | {"CPU seconds": row["cost"]["cpu_seconds"]}
            for row in rows
        ]
