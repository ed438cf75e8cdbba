"""Put each challenger before the gate, choose one, and fit it again with the holdout."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.errors import DataError
from tasks.promotion.gate import judge
from tasks.promotion.rules import GOLDEN_TOLERANCE
from tasks.training import steps
from tasks.training.candidates import Candidate, Chosen, choose_candidate
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
    """Judge each challenger by the gate's rules, and choose the best that passed.

    Args:
        contenders, judged: one a challenger of `work`, None where its rows did not allow it.

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
    return choose_candidate(tuning, candidates)


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
