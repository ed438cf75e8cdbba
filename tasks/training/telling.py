"""What MLflow is told about a training run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tasks.evaluation.bootstrap import finite_or_none
from tasks.evaluation.slices import Slice
from tasks.metering import Cost
from tasks.promotion.claims import claimed
from tasks.promotion.gate import follows
from tasks.records import plain
from tasks.tracking.record import (
    EVIDENCE,
    KEY,
    REASON,
    VERDICT,
    VERSION,
    WARNINGS,
    DatasetRecord,
    RunRecord,
    TrialRecord,
    finite_metrics,
    flatten_bounds,
    run_name,
)
from tasks.training.cards import make_card
from tasks.training.choosing import Chosen
from tasks.training.contender import Contender
from tasks.training.drawing import TITLES, draw_plots
from tasks.training.insight import Insight
from tasks.training.model_card import to_html, to_markdown, write_note
from tasks.training.work import Work
from tasks.tuning.trial import TuningTrial

CARD, CARD_PAGE = "model-card.md", "model-card.html"
TYPES = {
    "number": "double",
    "category": "string",
    "boolean": "boolean",
    "time": "datetime",
    "text": "string",
}


def make_record(work: Work, chosen: Chosen, final: Contender, insight: Insight) -> RunRecord:
    """Return all that is told of the run, the plots and the card among it."""
    # claimed before it is published, so that the card bears the number
    version = claimed(work.workspace, work.plan.key)
    images = {**draw_plots(work, chosen, final), **insight.images}
    known = {**TITLES, **insight.titles}
    titles = {title: path for path, title in known.items() if path in images}
    card = make_card(work, chosen, final, version, titles, insight)
    texts = {
        CARD: to_markdown(card),
        CARD_PAGE: to_html(card, {title: images[path] for title, path in titles.items()}),
        "verdict.json": json.dumps(plain(chosen.best.verdict), indent=2),
        "evaluation.json": json.dumps(plain(chosen.best.judged, nan_as_null=True), indent=2),
        "explanation/explanation.json": json.dumps(insight.to_dict(), indent=2),
        "challengers.json": json.dumps(chosen.to_dicts(work.costs), indent=2),
    }
    record = _record(work, chosen, final, version)
    return replace(record, note=write_note(card), texts=texts, images=images)


def _record(work: Work, chosen: Chosen, final: Contender, version: int) -> RunRecord:
    verdict, evaluation = chosen.best.verdict, chosen.best.judged.evaluation
    plan, pipeline, tuning = work.plan, work.pipeline, chosen.tuning
    ended, kind = datetime.now(UTC), chosen.best.challenger.text
    if chosen.best.challenger.kind == "tuned":
        kind = next((t.origin for t in tuning.trials if t.setting == tuning.chosen), "search")
    took = tuning.seconds + chosen.best.contender.seconds + final.seconds
    return RunRecord(
        pipeline=pipeline.name,
        key=plan.key,
        name=run_name(tuning.chosen.family, kind, final.window),
        metric=evaluation.metric,
        params={
            "family": tuning.chosen.family,
            "challenger": chosen.best.challenger.text,
            **tuning.chosen.params,
            "data_version": plan.data.version,
            "window": pipeline.training.window,
            "holdout": pipeline.training.holdout,
            "evidence": evaluation.how,
            "trials": pipeline.training.trials,
            "sampler": tuning.sampler,
            "seed": plan.seed,
        },
        metrics=_metrics(chosen, final, work.cost),
        tags={
            VERDICT: follows(verdict, pipeline.gate),
            REASON: "; ".join(verdict.reasons or verdict.warnings) or "every rule passed",
            WARNINGS: "; ".join(verdict.warnings),
            EVIDENCE: evaluation.how,
            KEY: plan.key,
            VERSION: str(version),
            "perennial.data_version": str(plan.data.version),
            "perennial.code": plan.code,
            "perennial.lock": plan.lock,
            "perennial.configuration": plan.configuration,
        },
        trials=tuple(_trial(trial) for trial in tuning.trials),
        dataset=_dataset(work, final),
        # an earlier start may have computed a step: the run is shown as if it were done in one
        started=ended - timedelta(seconds=took),
        ended=ended,
        about=pipeline.description,
    )


def _metrics(chosen: Chosen, final: Contender, cost: Cost) -> dict[str, float]:
    contender, evaluation = chosen.best.contender, chosen.best.judged.evaluation
    bounds = {
        name: (figure.value, finite_or_none(figure.low), finite_or_none(figure.high))
        for name, figure in evaluation.metrics.items()
    }
    return finite_metrics(
        flatten_bounds(bounds)
        | {f"baseline_{name}": value for name, value in evaluation.baselines.items()}
        | {
            "calibration_error": evaluation.calibration,
            "fit_seconds": contender.seconds,
            "tuning_seconds": chosen.tuning.seconds,
            "latency_p99_ms": contender.latency * 1000,
            "model_mib": len(final.model) / 2**20,
            "cost_cpu_seconds": cost.cpu_seconds,
            "cost_peak_mib": cost.peak_mib,
            "cost_watt_hours": cost.watt_hours,
            "cost_seconds": cost.seconds,
            "cost_read_bytes": cost.read_bytes,
            "cost_written_bytes": cost.written_bytes,
        }
        | name_slices(evaluation.slices)
    )


def name_slices(slices: Sequence[Slice]) -> dict[str, float]:
    """Return the metric in each slice that is large enough, under a name of its own.

    >>> from tasks.evaluation.bootstrap import Interval
    >>> some = Interval(0.7, 0.6, 0.8)
    >>> twins = [Slice("a", "b = c", 60, some, False), Slice("a = b", "c", 60, some, False)]
    >>> list(name_slices(twins))
    ['slice a = b = c', "slice 'a = b' = 'c'"]
    """
    named: dict[str, float] = {}
    for part in slices:
        if part.too_small:
            continue
        name = f"slice {part.column} = {part.value}"
        # where the marks in a name make two slices look like one
        name = f"slice {part.column!r} = {part.value!r}" if name in named else name
        named[name] = part.figure.value
    return named


def _trial(trial: TuningTrial) -> TrialRecord:
    return TrialRecord(
        number=trial.number,
        family=trial.setting.family,
        origin=trial.origin,
        params=trial.setting.params,
        score=finite_or_none(trial.mean),
        folds=trial.scores,
        seconds=trial.seconds,
        cpu_seconds=trial.cpu_seconds,
        state=trial.state,
    )


def _dataset(work: Work, final: Contender) -> DatasetRecord:
    return DatasetRecord(
        name=work.pipeline.name,
        version=work.plan.data.version,
        source=work.workspace.curated.uri,
        rows=final.rows,
        window=final.window,
        digest=work.plan.data.digest,
        schema={f.name: TYPES[f.kind] for f in work.dataset.schema.features},
    )
