"""How a training run ends: its verdict in the ledger, and the promotion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.errors import Refused, TrackingError
from tasks.faults import external_write
from tasks.ingestion.remembering import keep_history
from tasks.ledger.entry import Entry
from tasks.ledger.story import say_gain
from tasks.metering import Cost, sum_costs
from tasks.promotion import pointer
from tasks.promotion.gate import Verdict, follows, judge
from tasks.promotion.promote import LONGEST_TEXT, promote, repair
from tasks.promotion.trials import begin_once
from tasks.promotion.waiting import waiting_versions
from tasks.records import plain
from tasks.tracking.registry import remove_alias, set_alias
from tasks.training.answering import answer_open
from tasks.training.choosing import Chosen
from tasks.training.plan import digest
from tasks.training.steps import HoldoutResult, evaluate_holdout, gather_evidence
from tasks.training.work import Work

# Promotions that may be lost to another one before the last loss stands as the outcome.
ATTEMPTS = 3
JUDGED_AGAIN = "judged again against the champion then in service, and passed"


@dataclass(frozen=True)
class Ended:
    """What was decided, why, and what it cost; `outcome` is the promotion's, or what follows."""

    verdict: Verdict
    outcome: str
    summary: str
    price: str

    @property
    def in_service(self) -> bool:
        """Whether the version is in service; already: an earlier start of the run promoted it."""
        return self.outcome in ("promoted", "already")


def record_and_promote(
    work: Work, chosen: Chosen, version: int, cause: str, decision: str | None = None
) -> Ended:
    """Record the verdict on the version, and promote it where it passed.

    Where the champion changed since it was judged against, the challenger is judged again,
    against the new one, and that is recorded as well. `decision` is the id of the one that asked
    for the run, if one did.
    """
    for _ in range(ATTEMPTS):
        ended = _conclude(work, chosen, version, cause, decision)
        if ended.outcome != "lost":
            break
        best = chosen.best
        work = work.read_pointer_anew()
        judged, _ = evaluate_holdout(work, best.contender, best.challenger)
        verdict = judge(gather_evidence(best.contender, judged), work.pipeline.gate)
        chosen = chosen.replace_best(judged, verdict)
    answer_open(work, version, ended.summary)
    return ended


def _conclude(work: Work, chosen: Chosen, version: int, cause: str, decision: str | None) -> Ended:
    name, best = work.pipeline.name, chosen.best
    step = follows(best.verdict, work.pipeline.gate)
    entry = _verdict_entry(work, chosen, version, step, cause, decision)
    price = say_price(work.cost, entry.figures)
    # the verdict goes before the promotion: a champion without one could not be explained
    with external_write("train.verdict"):
        work.workspace.ledger.append(entry)
    if step != "promote":
        if step == "awaiting approval":
            _mirror_quietly(work, lambda server: set_alias(server, name, "challenger", version))
            _try_beside(work, version)
        return Ended(best.verdict, step, entry.summary, price)
    # the champion looks up what is known, so that is there before it
    keep_history(work.workspace)
    promotion = promote(
        work.workspace,
        version,
        by=f"train ({cause})",
        why=say_result(best.judged),
        # compare-and-set: the pointer has to be the one that the verdict was made against
        expected=work.pointer_tag,
        attempt=digest([work.plan.key, _champion(work)]),
        override=JUDGED_AGAIN,
    )
    ended = Ended(best.verdict, promotion.outcome, promotion.message, price)
    # an earlier start may have died before it took the alias away
    if ended.in_service:
        _mirror_quietly(work, lambda server: remove_alias(server, name, "challenger"))
    return ended


def say_price(cost: Cost, figures: Mapping[str, Any]) -> str:
    """Say what a retraining cost and what it bought on the compared rows.

    >>> say_price(Cost(41.2, 512), {"gain": 0.0212, "metric": "roc_auc"})
    'This retraining cost 41 CPU-seconds (512 MiB, 0.11 Wh) and bought +0.0212 roc_auc.'
    """
    compared = figures["gain"] is not None
    bought = say_gain(figures) if compared else "there was no champion to compare"
    spent = f"{cost.cpu_seconds:.0f} CPU-seconds"
    rest = f"{cost.peak_mib:.0f} MiB, {cost.watt_hours:.2f} Wh"
    return f"This retraining cost {spent} ({rest}) and {bought}."


def _try_beside(work: Work, version: int) -> None:
    """Try a challenger that awaits approval, as the pipeline file says."""
    serving = work.pipeline.serving
    if serving.share is None:
        return
    # a trial is no part of the training: a person began another one, or its classes are others
    with suppress(Refused):
        begin_once(
            work.workspace,
            version,
            serving.share,
            max_error_rate=serving.max_error_rate,
            max_drop=serving.max_drop,
        )


def _mirror_quietly(work: Work, act: Callable[[str], None]) -> None:
    # the challenger alias is for the eye only: what stands in the ledger does not wait for it
    if work.workspace.tracking is not None:
        with suppress(TrackingError):
            act(work.workspace.tracking)


def say_result(judged: HoldoutResult) -> str:
    """Say in a sentence what the challenger showed."""
    evaluation, champion = judged.evaluation, judged.comparison
    score = evaluation.deciding
    line = f"{evaluation.metric} {score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"
    if champion is None:
        return f"{line} on {judged.rows}; no champion before it"
    gain = champion.gain
    # it becomes the promotion's `why`, which takes no longer text
    return (
        f"{line}, {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] against version "
        f"{champion.version} on {champion.rows:,} {champion.how}"
    )[:LONGEST_TEXT]


def find_earlier_end(work: Work) -> dict[str, Any] | None:
    """Return how this very plan ended before; None where there is something left to do.

    Where its version is in service, a ledger entry or an alias that a crash left out is completed.
    """
    ledger, key = work.workspace.ledger, work.plan.key
    verdicts = [e for e in ledger.entries("verdict") if e.figures.get("training_key") == key]
    if not verdicts:
        return None
    last = verdicts[-1]
    step, found = last.figures["next"], pointer.read(work.workspace)
    # a death between the pointer and the ledger leaves an entry out; `repair` adds it once
    if found is not None and found[0].version == last.version:
        repair(work.workspace)
        state = "is in service"
    elif any(entry.version == last.version for entry in ledger.entries("promotion")):
        state = "was in service before"
    # one that passed was not promoted yet; one that was refused met a champion that is gone
    elif step == "promote" or (step == "refused" and last.figures["champion"] != _champion(work)):
        return None
    else:
        state = "was refused" if step == "refused" else "awaits approval"
        # a death after the verdict may have left its trial out
        if state == "awaits approval" and last.version in waiting_versions(ledger.entries()):
            _try_beside(work, last.version)
    summary = (
        f"Nothing to compute: version {last.version} was trained from the same data version "
        f"({work.plan.data.version}), code and configuration; it {state}."
    )
    return {
        "outcome": "unchanged",
        "passed": state in ("is in service", "was in service before"),
        "state": state,
        "version": last.version,
        "summary": summary,
    }


def _champion(work: Work) -> str:
    found = pointer.read(work.workspace)
    return "" if found is None else found[0].digest


def _verdict_entry(
    work: Work, chosen: Chosen, version: int, step: str, cause: str, decision: str | None
) -> Entry:
    champion, best = "" if work.reigning is None else work.reigning.digest, chosen.best
    evaluation = best.judged.evaluation
    said = {
        "promote": "passed the gate",
        "refused": "was refused by the gate",
        "awaiting approval": "passed the gate and awaits approval",
    }
    reasons = f": {'; '.join(best.verdict.reasons)}" if best.verdict.reasons else ""
    if best.verdict.passed and best.verdict.warnings:
        reasons = f", with warnings: {'; '.join(best.verdict.warnings)}"
    return Entry(
        # named by plan and champion: a run that is tried again appends the same entry, so once
        id=f"verdict-{digest([work.plan.key, champion])[:32]}",
        at=datetime.now(UTC),
        pipeline=work.pipeline.name,
        kind="verdict",
        version=version,
        by=f"train ({cause})",
        summary=f"version {version} {said[step]}{reasons}",
        figures={
            "training_key": work.plan.key,
            "champion": champion,
            "next": step,
            "metric": evaluation.metric,
            "score": evaluation.deciding.to_dict(),
            "gain": best.gain,
            "refitted": best.refitted,
            "gain_unit": gather_evidence(best.contender, best.judged).unit,
            "data_version": work.plan.data.version,
            "evidence": evaluation.how,
            "verdict": plain(best.verdict),
            "challengers": chosen.to_dicts(work.costs),
            "cost": work.cost.to_dict(),
            # of this start alone: the rows were read, the version published and tracked
            "cost_beside": sum_costs(work.beside).to_dict(),
            "decision": decision,
        },
    )
