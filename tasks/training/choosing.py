"""Put each challenger before the gate, choose one, and fit it again with the holdout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tasks.errors import DataError
from tasks.evaluation.metrics import METRICS
from tasks.policy.challengers import choose_best
from tasks.promotion.gate import judge
from tasks.promotion.rules import GOLDEN_TOLERANCE
from tasks.training import steps
from tasks.training.candidates import Candidate, Chosen
from tasks.training.contender import Contender
from tasks.training.steps import HoldoutResult
from tasks.training.work import Work
from tasks.tuning.trial import Tuning


def choose_challenger(
    work: Work,
    tuning: Tuning,
    contenders: Sequence[Contender | None],
    judged: Sequence[HoldoutResult | None],
) -> Chosen:
    """Judge each challenger by the gate's rules; choose the best that passed, or the best of all.

    `contenders` and `judged` are one a challenger of `work`, None where its rows did not allow it.

    Raises:
        DataError: no challenger could be fitted.
    """
    gate = work.pipeline.gate
    candidates = [
        Candidate(challenger, fitted, shown, judge(steps.gather_evidence(fitted, shown), gate))
        for challenger, fitted, shown in zip(work.challengers, contenders, judged, strict=True)
        if fitted is not None and shown is not None
    ]
    if not candidates:
        where, remedy = f"pipeline {work.pipeline.name}", "See the warnings above."
        raise DataError(where, "one of the challengers can be fitted", "none", remedy)
    metric = candidates[0].judged.evaluation.metric
    passed = [candidate.verdict.passed for candidate in candidates]
    scores = [candidate.score for candidate in candidates]
    place = choose_best(passed, scores, METRICS[metric].greater_is_better)
    setting, why = candidates[place].contender.setting, _why(tuning, candidates, place, metric)
    return Chosen(replace(tuning, chosen=setting, why=why), tuple(candidates), place)


def refit_winner(work: Work, chosen: Chosen) -> tuple[Contender, bool, bool]:
    """Fit the winner again with the holdout, where the file asks for it and the gate passed it.

    Returns the model to publish, whether it was known already, and whether the refitted one was
    left out because its export does not answer as it does.
    """
    best = chosen.best
    if not (best.verdict.passed and work.pipeline.training.refit):
        return best.contender, False, False
    final, known = steps.refit_challenger(work, best.challenger, best.contender.setting)
    # no gate follows that would look at the refitted model's export
    if final.difference > GOLDEN_TOLERANCE:
        return best.contender, False, True
    return final, known, False


def _why(tuning: Tuning, candidates: Sequence[Candidate], place: int, metric: str) -> str:
    chosen = candidates[place]
    family = chosen.contender.setting.family
    setting = {
        "tuned": tuning.why,
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
