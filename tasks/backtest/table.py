"""The fit table of a backtest: read once, fitted once, kept in the bucket fit by fit."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from tasks.backtest.cutting import Cut, cut, first_end
from tasks.backtest.fitting import HistoryRows, MeasuredFit, Recipe
from tasks.backtest.history import Batch, History
from tasks.backtest.naive import naive_values
from tasks.backtest.plan import BacktestPlan
from tasks.backtest.workers import Answer, measure_all
from tasks.data.curated import BATCH, INGESTED_AT, curated, training_rows
from tasks.dataset.dataset import encode, event_times, moments
from tasks.errors import DataError
from tasks.evaluation.metrics import METRICS
from tasks.faults import external_write
from tasks.labels.join import with_labels
from tasks.labels.table import load_labels
from tasks.monitoring.arrivals import arrivals
from tasks.policy.reading import count_text
from tasks.store.bucket import Bucket
from tasks.store.results import recall, remember

Say = Callable[[str], None]
# Seconds between two lines of progress.
EVERY = 5.0


@dataclass(frozen=True)
class FitTable:
    """A history, how many of its models were fitted now and kept before, and which there are not.

    `refused` says by batch why there is no model that ends with it.
    """

    history: History
    fitted: int
    kept: int
    refused: Mapping[int, str]


def fit_history(
    bucket: Bucket, plan: BacktestPlan, say: Say, workers: int | None = None
) -> FitTable:
    """Fit and judge every model of the history that is not kept from before.

    Raises:
        DataError: there are fewer than three batches, or no first model can be fitted.
    """
    rows, made = read_rows(bucket, plan)
    first = first_end(made.counts, plan.start)
    ends = range(first, len(made.names) - 1)
    say(
        f"{len(rows.frame):,} rows in {len(made.names)} {made.recipe}; "
        f"{len(ends)} models, each judged on every later batch"
    )
    found: dict[int, Answer] = {}
    for end in ends:
        kept = _recalled(bucket, plan, end)
        if kept is not None:
            found[end] = kept
    missing = [end for end in ends if end not in found]
    if found:
        say(f"{len(found)} of {len(ends)} models are kept from before")
    _fit(bucket, plan, rows, missing, found, say, workers)
    history, refused = _history(plan, rows, made, first, found)
    return FitTable(history, len(missing), len(ends) - len(missing), refused)


def read_rows(bucket: Bucket, plan: BacktestPlan) -> tuple[HistoryRows, Cut]:
    """Read the rows that the plan is pinned to, with their labels, by event time; and cut them.

    Raises:
        DataError: there are fewer than three batches.
    """
    pipeline, table = plan.pipeline, curated(bucket, plan.pipeline.name)
    frame = training_rows(table, plan.data, pipeline.event_time, key=pipeline.key)
    arrived = moments(frame[INGESTED_AT])
    if plan.labels is not None:
        labels = load_labels(bucket, pipeline, plan.labels, without=plan.recorded.without)
        frame, _ = with_labels(frame, labels, pipeline)
    times = event_times(frame, pipeline.event_time)
    order = np.argsort(times, kind="stable")
    # a row without an event time has no place in a history
    order = order[~np.isnat(times[order])]
    frame, times, arrived = frame.iloc[order].reset_index(drop=True), times[order], arrived[order]
    names = {
        arrival.batch: PurePosixPath(arrival.object).stem for arrival in arrivals(table.history())
    }
    made = cut(times, frame[BATCH].to_numpy(), names, plan.rows)
    held = frame[BATCH].isin(plan.recorded.without).to_numpy()
    return HistoryRows(frame, times, arrived, made.place, held), made


def _fit(
    bucket: Bucket,
    plan: BacktestPlan,
    rows: HistoryRows,
    missing: Sequence[int],
    answers: dict[int, Answer],
    say: Say,
    workers: int | None,
) -> None:
    """Fit what is missing, and keep each as soon as it is there."""
    if not missing:
        return
    # a fit takes about as long as it has rows: by number of models the rest would look too short
    weights = {end: int((rows.place <= end).sum()) for end in missing}
    progress = _Progress(weights, say)
    recipe = Recipe(plan.pipeline, plan.setting)
    with tempfile.TemporaryDirectory(prefix="perennial-backtest-") as scratch:
        for end, answer in measure_all(rows, recipe, missing, Path(scratch), workers):
            _keep(bucket, plan, end, answer)
            answers[end] = answer
            progress.done(end)


@dataclass
class _Progress:
    """How far the fits are; `weights` are what each is expected to take, against the others."""

    weights: Mapping[int, int]
    say: Say
    ended: list[int] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    spoke: float = 0.0

    def done(self, end: int) -> None:
        """Say how many are fitted and how long the rest takes, every few seconds."""
        self.ended.append(end)
        now, total = time.monotonic(), len(self.weights)
        if now - max(self.spoke, self.began) < EVERY and len(self.ended) < total:
            return
        self.spoke = now
        part = sum(self.weights[end] for end in self.ended) / sum(self.weights.values())
        left = (now - self.began) * (1 - part) / part
        bar = "█" * round(20 * part) + "░" * (20 - round(20 * part))
        self.say(f"{bar} {len(self.ended)} of {total} models, about {left:.0f} s left")


def _recalled(bucket: Bucket, plan: BacktestPlan, end: int) -> Answer | None:
    known = recall(bucket, plan.fits, f"backtest-{end}")
    if known is None:
        return None
    if "refused" in known.document:
        return str(known.document["refused"])
    return MeasuredFit.from_dict(known.document, known.files)


def _keep(bucket: Bucket, plan: BacktestPlan, end: int, answer: Answer) -> None:
    with external_write("backtest.fit"):
        if isinstance(answer, str):
            remember(bucket, plan.fits, f"backtest-{end}", {"refused": answer})
        else:
            document, files = answer.to_dict(), answer.files()
            remember(bucket, plan.fits, f"backtest-{end}", document, files)


def _history(
    plan: BacktestPlan, rows: HistoryRows, made: Cut, first: int, answers: Mapping[int, Answer]
) -> tuple[History, dict[int, str]]:
    refused = {end: answer for end, answer in sorted(answers.items()) if isinstance(answer, str)}
    models = {
        end: answer for end, answer in sorted(answers.items()) if isinstance(answer, MeasuredFit)
    }
    if first not in models:
        where = f"the first model, up to {made.names[first]}"
        remedy = "Start later: --start SHARE."
        raise DataError(where, "it can be fitted", refused.get(first), remedy)
    metric = plan.pipeline.metric
    history = History(
        batches=_batches(plan, rows, made),
        first=first,
        metric=metric,
        greater_is_better=METRICS[metric].greater_is_better,
        cells={
            (end, number): cell
            for end, model in models.items()
            for number, cell in model.cells.items()
        },
        fits={end: model.fit for end, model in models.items()},
        naive=_naive(plan, rows, made),
        recipe=_recipe(plan),
        refusals=plan.recorded.refusals,
    )
    return history, refused


def _batches(plan: BacktestPlan, rows: HistoryRows, made: Cut) -> tuple[Batch, ...]:
    known = np.asarray(rows.frame[plan.pipeline.target].notna())
    ids, latest = rows.frame[BATCH].to_numpy(), rows.arrived.min()
    found: list[Batch] = []
    for number, name in enumerate(made.names):
        there = made.place == number
        times = np.minimum(rows.times[there], rows.arrived[there])
        latest = max(latest, rows.arrived[there].max())
        suspicions = [plan.recorded.suspicions.get(batch, ()) for batch in np.unique(ids[there])]
        found.append(
            Batch(
                name,
                times.min().item(),
                times.max().item(),
                len(times),
                int((there & known).sum()),
                latest.item().replace(tzinfo=UTC),
                tuple(why for reasons in suspicions for why in reasons),
                bool(rows.held[there].all()),
            )
        )
    return tuple(found)


def _naive(plan: BacktestPlan, rows: HistoryRows, made: Cut) -> dict[str, tuple[float, ...]]:
    pipeline = plan.pipeline
    target = rows.frame[pipeline.target]
    known = np.asarray(target.notna())
    classes: tuple[Any, ...] = ()
    if pipeline.task != "regression":
        classes = tuple(sorted(target[known].unique().tolist()))
    return naive_values(
        pipeline.metric,
        encode(target[known], classes),
        rows.times[known],
        made.place[known],
        batches=len(made.names),
        classes=len(classes),
        task=pipeline.task,
    )


def _recipe(plan: BacktestPlan) -> str:
    window = plan.pipeline.training.window
    which = "all rows" if window == "all" else f"the latest {window}"
    held = len(plan.recorded.without)
    left_out = f", without {count_text(held, 'batch', 'batches')} held back" if held else ""
    return f"{plan.setting.family} ({plan.origin}) on {which}{left_out}"
