"""The challengers of one run: each put before the gate, one chosen, and fitted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tasks.errors import DataError
from tasks.evaluation.metrics import METRICS
from tasks.metering import Cost
from tasks.policy.challengers import ChallengerSpec, choose_best
from tasks.promotion.comparisons import worse_than
from tasks.promotion.gate import Verdict, judge
from tasks.promotion.rules import GOLDEN_TOLERANCE
from tasks.training import steps
from tasks.training.comparison import UNSEEN
from tasks.training.contender import Contender
from tasks.training.next_families import next_settings
from tasks.training.steps import HoldoutResult
from tasks.training.work import Work
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

    @property
    def refitted(self) -> bool:
        """Whether it was compared with the champion's setting fitted again, not with itself."""
        against = self.judged.comparison
        return against is not None and against.how != UNSEEN


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


def choose_challenger(
    work: Work,
    tuning: Tuning,
    contenders: Sequence[Contender | None],
    judged: Sequence[HoldoutResult | None],
) -> Chosen:
    """Judge each challenger by the gate's rules; choose the best that passed, or the best of all.

    Where none passed and the tuned one does worse than a naive prediction, the next best families
    of the tuning are fitted, judged and put before the gate, until one passes.

    `contenders` and `judged` are one a challenger of `work`, None where its rows did not allow it.

    Raises:
        DataError: no challenger could be fitted.
    """
    candidates = [
        _put_before_the_gate(work, challenger, fitted, shown)
        for challenger, fitted, shown in zip(work.challengers, contenders, judged, strict=True)
        if fitted is not None and shown is not None
    ]
    if not candidates:
        where, remedy = f"pipeline {work.pipeline.name}", "See the warnings above."
        raise DataError(where, "one of the challengers can be fitted", "none", remedy)
    candidates += _try_next_families(work, tuning, candidates)
    metric = candidates[0].judged.evaluation.metric
    passed = [candidate.verdict.passed for candidate in candidates]
    scores = [candidate.score for candidate in candidates]
    place = choose_best(passed, scores, METRICS[metric].greater_is_better)
    setting, why = candidates[place].contender.setting, _why(tuning, candidates, place, metric)
    return Chosen(replace(tuning, chosen=setting, why=why), tuple(candidates), place)


def _put_before_the_gate(
    work: Work, challenger: ChallengerSpec, contender: Contender, judged: HoldoutResult
) -> Candidate:
    evidence = steps.gather_evidence(contender, judged)
    return Candidate(challenger, contender, judged, judge(evidence, work.pipeline.gate))


def _try_next_families(
    work: Work, tuning: Tuning, candidates: Sequence[Candidate]
) -> list[Candidate]:
    """Return the next best families' candidates where the chosen family extrapolates badly."""
    tuned = next((c for c in candidates if c.challenger.kind == "tuned"), None)
    if tuned is None or any(candidate.verdict.passed for candidate in candidates):
        return []
    if not worse_than(steps.gather_evidence(tuned.contender, tuned.judged)):
        return []
    tried: list[Candidate] = []
    for setting in next_settings(tuning):
        challenger = ChallengerSpec("tuned", family=setting.family)
        try:
            fitted, _ = steps.fit_challenger(work, replace(tuning, chosen=setting), challenger)
            judged, _ = steps.evaluate_holdout(work, fitted, challenger)
        # the verdict on the chosen one stands, whatever the next one lacks
        except DataError:
            continue
        tried.append(_put_before_the_gate(work, challenger, fitted, judged))
        if tried[-1].verdict.passed:
            break
    return tried


def refit_winner(work: Work, chosen: Chosen) -> tuple[Contender, bool, bool]:
    """Fit the winner again with the holdout, where the file asks for it and the gate passed it.

    Returns the model to publish, whether it was known already, and whether the refitted one was
    left out because its export does not answer as it does.
    """
    best = chosen.best
    # of a cross-validation the contender has learned from every row already
    whole = bool(work.dataset.split.folds)
    if whole or not (best.verdict.passed and work.pipeline.training.refit):
        return best.contender, False, False
    final, known = steps.refit_challenger(work, best.challenger, best.contender.setting)
    # no gate follows that would look at the refitted model's export
    if final.difference > GOLDEN_TOLERANCE:
        return best.contender, False, True
    return final, known, False


def _why(tuning: Tuning, candidates: Sequence[Candidate], place: int, metric: str) -> str:
    chosen = candidates[place]
    family = chosen.contender.setting.family
    following = [c.contender.setting.family for c in candidates if c.challenger.family]
    fell = f"{tuning.chosen.family}, which the tuning chose ({tuning.why}), does worse than a naive"
    setting = {
        "tuned": f"{fell} prediction, so the next best stood before the gate: "
        f"{', '.join(following)}"
        if following
        else tuning.why,
        "warm": f"the champion ({family}) went on learning from the newer rows",
    }.get(chosen.challenger.kind, f"the champion's own setting ({family}) was fitted again")
    if len(candidates) == 1:
        return setting
    others = ", ".join(
        f"{other.challenger.text} {other.score:.4f}{'' if other.verdict.passed else ' (refused)'}"
        for number, other in enumerate(candidates)
        if number != place
    )
    return f"{chosen.challenger.text} {metric} {chosen.score:.4f} over {others}; {setting}"
