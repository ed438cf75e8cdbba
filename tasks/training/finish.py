"""How a training run ends: its version, its verdict in the ledger, and the promotion."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.errors import TrackingError
from tasks.evaluation.evaluate import Evaluation
from tasks.faults import external_write
from tasks.ledger.entry import Entry
from tasks.ledger.ledger import Ledger, ledger_of
from tasks.promotion import pointer
from tasks.promotion.gate import Verdict, follows, judge
from tasks.promotion.manifest import MODEL, Manifest
from tasks.promotion.outcome import Promotion
from tasks.promotion.promote import Context, promote, repair
from tasks.promotion.versions import publish as publish_version
from tasks.tracking.registry import alias_mirror, remove_alias, set_alias
from tasks.training.contender import Contender
from tasks.training.dataset import naive
from tasks.training.plan import digest
from tasks.training.steps import Judged, evaluate_holdout, evidence
from tasks.training.work import Work
from tasks.tuning.trial import Tuning

ATTEMPTS = 3
JUDGED_AGAIN = "judged again against the champion then in service, and passed"


@dataclass(frozen=True)
class Ended:
    """The end of a training run: what was decided about which version, and why."""

    version: int
    verdict: Verdict
    judged: Judged
    promotion: Promotion | None
    outcome: str
    summary: str


def publish(
    work: Work,
    tuning: Tuning,
    final: Contender,
    evaluation: Evaluation,
    verdict: Verdict,
    run: str,
) -> int:
    """Publish the model with its signed manifest; the same plan gives the same version."""

    def build(version: int) -> tuple[Manifest, dict[str, bytes]]:
        manifest = _manifest(work, tuning, final, evaluation, verdict, run, version)
        return manifest, {MODEL: final.model}

    key = work.plan.key
    return publish_version(work.store, work.pipeline.name, key, build, work.settings.signing_key)


def conclude(
    work: Work, contender: Contender, judged: Judged, verdict: Verdict, version: int, cause: str
) -> Ended:
    """Record the verdict and promote what passed.

    Where the champion changed since it was judged against, the challenger is judged again,
    against the new one, and that is recorded as well.
    """
    ledger = ledger_of(work.settings, work.pipeline.name)
    for _ in range(ATTEMPTS):
        ended = _conclude(work, ledger, judged, verdict, version, cause)
        if ended.promotion is None or ended.promotion.outcome != "lost":
            return ended
        work = Work(work.settings, work.store, work.pipeline, work.plan)
        judged, _ = evaluate_holdout(work, contender)
        verdict = judge(evidence(contender, judged), work.pipeline.gate)
    return ended


def _conclude(
    work: Work, ledger: Ledger, judged: Judged, verdict: Verdict, version: int, cause: str
) -> Ended:
    name, gate = work.pipeline.name, work.pipeline.gate
    step = follows(verdict, gate)
    entry = _verdict_entry(work, judged, verdict, version, step, cause)
    with external_write("train.verdict"):
        ledger.append(entry)
    if step != "promote":
        if step == "awaiting approval":
            _mirror_quietly(lambda: set_alias(work.settings, name, "challenger", version))
        return Ended(version, verdict, judged, None, step, entry.summary)
    promotion = promote(
        _context(work, ledger),
        version,
        by=f"train ({cause})",
        why=why_promoted(judged),
        expected=work.pointer_tag,
        attempt=digest([work.plan.key, _champion(work)]),
        override=JUDGED_AGAIN,
    )
    if promotion.outcome in ("promoted", "already"):
        _mirror_quietly(lambda: remove_alias(work.settings, name, "challenger"))
    return Ended(version, verdict, judged, promotion, promotion.outcome, promotion.message)


def _context(work: Work, ledger: Ledger) -> Context:
    return Context(
        store=work.store,
        ledger=ledger,
        signing_key=work.settings.signing_key,
        pipeline=work.pipeline.name,
        mirror=alias_mirror(work.settings),
    )


def _mirror_quietly(act: Callable[[], None]) -> None:
    """The challenger alias is for the eye only: what stands in the ledger does not wait for it."""
    with suppress(TrackingError):
        act()


def why_promoted(judged: Judged) -> str:
    """Say in a sentence what the challenger showed."""
    evaluation, against = judged.evaluation, judged.compared
    score = evaluation.deciding
    line = f"{evaluation.metric} {score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"
    if against is None:
        return f"{line} on {evaluation.rows:,} holdout rows; no champion before it"
    gain, champion = against.comparison.gain, against.comparison
    return (
        f"{line}, {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] against version "
        f"{champion.version} on {champion.rows:,} {champion.how}"
    )[:500]


def settled(work: Work) -> dict[str, Any] | None:
    """Return how this very plan ended before; None where there is something left to do.

    Where its version is in service, a ledger entry or an alias that a crash left out is completed.
    """
    ledger = ledger_of(work.settings, work.pipeline.name)
    verdicts = [
        entry
        for entry in ledger.entries("verdict")
        if entry.figures.get("training_key") == work.plan.key
    ]
    if not verdicts:
        return None
    last = verdicts[-1]
    step = last.figures["next"]
    found = pointer.read(work.store, work.pipeline.name)
    if found is not None and found[0].version == last.version:
        repair(_context(work, ledger))
        state = "is in service"
    elif any(entry.version == last.version for entry in ledger.entries("promotion")):
        state = "was in service before"
    elif step == "promote" or (step == "refused" and last.figures["champion"] != _champion(work)):
        return None
    else:
        state = "was refused" if step == "refused" else "awaits approval"
    summary = (
        f"Nothing to compute: version {last.version} was trained from the same data version "
        f"({work.plan.data.version}), code and configuration; it {state}."
    )
    passed = state in ("is in service", "was in service before")
    return {
        "outcome": "unchanged",
        "passed": passed,
        "state": state,
        "version": last.version,
        "summary": summary,
    }


def _champion(work: Work) -> str:
    found = pointer.read(work.store, work.pipeline.name)
    return "" if found is None else found[0].digest


def _verdict_entry(
    work: Work, judged: Judged, verdict: Verdict, version: int, step: str, cause: str
) -> Entry:
    champion = "" if work.reigning is None else work.reigning.champion.digest
    score = judged.evaluation.deciding
    said = {
        "promote": "passed the gate",
        "refused": "was refused by the gate",
        "awaiting approval": "passed the gate and awaits approval",
    }
    reasons = f": {'; '.join(verdict.reasons)}" if verdict.reasons else ""
    return Entry(
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
            "metric": judged.evaluation.metric,
            "score": score.to_dict(),
            "data_version": work.plan.data.version,
            "verdict": verdict.to_dict(),
        },
    )


def _manifest(
    work: Work,
    tuning: Tuning,
    final: Contender,
    evaluation: Evaluation,
    verdict: Verdict,
    run: str,
    version: int,
) -> Manifest:
    data, plan = work.dataset, work.plan
    return Manifest(
        pipeline=work.pipeline.name,
        version=version,
        schema=data.schema.to_dict(),
        task=work.pipeline.task,
        classes=data.classes,
        golden=final.golden,
        metrics={name: found.to_dict() for name, found in evaluation.metrics.items()},
        baselines=evaluation.to_dict()["baselines"],
        data_version=plan.data.version,
        window={"start": final.fitted_from, "end": final.fitted_until},
        run=run,
        training_key=plan.key,
        verdict=verdict,
        created=datetime.now(UTC),
        lineage={
            **plan.to_dict(),
            "setting": final.setting.to_dict(),
            "why": tuning.why,
            "metric": evaluation.metric,
            "holdout": list(evaluation.window or ()),
            "holdout_rows": evaluation.rows,
            "rows": final.rows,
            "fitted_until": final.fitted_until,
            "importances": final.importances,
            "naive": naive(data.y, len(data.classes)),
            "transform": work.pipeline.features.transform,
        },
    )
