"""The fit table of a backtest: read once, fitted once, kept in the bucket fit by fit."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from tasks.arrays import Mask
from tasks.backtest.cutting import Cut, cut, cut_by_arrival, first_end
from tasks.backtest.fitting import HistoryRows, MeasuredFit, Recipe
from tasks.backtest.history import Batch, History
from tasks.backtest.naive import naive_values
from tasks.backtest.plan import BacktestPlan
from tasks.backtest.workers import Answer, measure_all
from tasks.config import Pipeline
from tasks.data.curated import curated, training_rows
from tasks.dataset.dataset import event_times, moments
from tasks.errors import DataError
from tasks.evaluation.metrics import METRICS
from tasks.faults import external_write
from tasks.features.history import add_history, plan_history, refuse_taken
from tasks.labels.join import with_labels
from tasks.labels.known import gather_history
from tasks.labels.table import LABELLED_AT, load_labels
from tasks.monitoring.arrivals import arrivals
from tasks.policy.reading import count_text
from tasks.store.bucket import Bucket
from tasks.store.layout import BATCH, INGESTED_AT
from tasks.store.results import recall, remember
from tasks.workspace import Place

Say = Callable[[str], None]
# Seconds between two lines of progress.
EVERY = 5.0


@dataclass(frozen=True)
class FitTable:
    """A history, how many of its models were fitted now and kept before, and why which are not."""

    history: History
    fitted: int
    kept: int
    refused: Mapping[int, str]


def fit_history(place: Place, plan: BacktestPlan, say: Say, workers: int | None = None) -> FitTable:
    """Fit and judge every model of the history that is not kept from before.

    Raises:
        DataError: there are fewer than three batches, or no first model can be fitted.
    """
    rows, made = read_rows(place.bucket, plan)
    first = first_end(made.counts, plan.start)
    ends = range(first, len(made.names) - 1)
    say(
        f"{len(rows.frame):,} rows in {len(made.names)} {made.recipe}; "
        f"{len(ends)} models, each judged on every later batch"
    )
    recalled = ((end, _recall(place, plan, end)) for end in ends)
    found = {end: kept for end, kept in recalled if kept is not None}
    missing = [end for end in ends if end not in found]
    if found:
        say(f"{len(found)} of {len(ends)} models are kept from before")
    found.update(_fit(place, plan, rows, missing, say, workers))
    history, refused = _history(plan, rows, made, first, found)
    return FitTable(history, len(missing), len(ends) - len(missing), refused)


def read_rows(bucket: Bucket, plan: BacktestPlan) -> tuple[HistoryRows, Cut]:
    """Read the rows that the plan is pinned to, with their labels, by event time; and cut them.

    Raises:
        DataError: there are fewer than three batches.
    """
    pipeline, table = plan.pipeline, curated(bucket, plan.pipeline.name)
    # no model learns from what is held back, so the rows that it corrects stand for them all
    frame = training_rows(
        table, plan.data, pipeline.time_column, key=pipeline.key, held=plan.recorded.without
    )
    arrived, came = moments(frame[INGESTED_AT]), frame[INGESTED_AT]
    if plan.labels is not None:
        labels = load_labels(bucket, pipeline, plan.labels, without=plan.recorded.without)
        frame, _ = with_labels(frame, labels, pipeline)
        if pipeline.event_time is None:
            # batches are replayed as they came, not when their labels did: that is the delay's part
            frame = frame.assign(**{INGESTED_AT: came})
    times = event_times(frame, pipeline.time_column)
    # stable: rows of one moment keep their order, so equal plans cut equal batches
    order = np.argsort(times, kind="stable")
    # a row without an event time has no place in a history
    order = order[~np.isnat(times[order])]
    frame, times, arrived = frame.iloc[order].reset_index(drop=True), times[order], arrived[order]
    names = {
        arrival.batch: PurePosixPath(arrival.object).stem for arrival in arrivals(table.history())
    }
    ids, ordered = frame[BATCH].to_numpy(), pipeline.event_time is not None
    made = cut(times, ids, names, plan.rows) if ordered else cut_by_arrival(ids, names, plan.rows)
    held = frame[BATCH].isin(plan.recorded.without).to_numpy()
    frame = _with_history(frame, pipeline, made, held)
    return HistoryRows(frame, times, arrived, made.place, held), made


def _with_history(frame: pd.DataFrame, pipeline: Pipeline, made: Cut, held: Mask) -> pd.DataFrame:
    """Return the rows with their history, each as the batch found it that brought the row.

    What a later batch brought of an earlier time was not known then.
    """
    plan = plan_history(pipeline)
    if plan is None:
        return frame
    refuse_taken(plan, list(map(str, frame.columns)))
    met = []
    for number in range(len(made.names)):
        known = gather_history(frame[(made.place <= number) & ~held], plan)
        met.append(add_history(frame[made.place == number], plan, known))
    return pd.concat(met).sort_index().drop(columns=LABELLED_AT, errors="ignore")


def _fit(
    place: Place,
    plan: BacktestPlan,
    rows: HistoryRows,
    missing: Sequence[int],
    say: Say,
    workers: int | None,
) -> Iterator[tuple[int, Answer]]:
    """Yield the fits that are missing, each kept as soon as it is there."""
    # a fit takes about as long as it has rows: by number of models the rest would look too short
    weights = {end: int((rows.place <= end).sum()) for end in missing}
    recipe, done = Recipe(plan.pipeline, plan.setting), 0
    began = spoke = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perennial-backtest-") as scratch:
        fits = measure_all(rows, recipe, missing, Path(scratch), workers)
        for count, (end, answer) in enumerate(fits, start=1):
            # kept before it is told: whoever is stopped now fits only what nobody heard of
            _keep(place, plan, end, answer)
            yield end, answer
            done, now = done + weights[end], time.monotonic()
            if now - spoke >= EVERY or count == len(missing):
                spoke, part = now, done / sum(weights.values())
                left, full = (now - began) * (1 - part) / part, round(20 * part)
                bar = "█" * full + "░" * (20 - full)
                say(f"{bar} {count} of {len(missing)} models, about {left:.0f} s left")


def _recall(place: Place, plan: BacktestPlan, end: int) -> Answer | None:
    known = recall(place.bucket, plan.fits, f"backtest-{end}", keyring=place.keyring)
    if known is None:
        return None
    if "refused" in known.document:
        return str(known.document["refused"])
    return MeasuredFit.from_dict(known.document, known.files)


def _keep(place: Place, plan: BacktestPlan, end: int, answer: Answer) -> None:
    # a refusal is kept as well: the same rows would only be fitted again to be refused again
    document = {"refused": answer} if isinstance(answer, str) else answer.to_dict()
    files = {} if isinstance(answer, str) else answer.files()
    with external_write("backtest.fit"):
        step, key = f"backtest-{end}", plan.fits
        remember(place.bucket, key, step, document, files, keyring=place.keyring)


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
        naive=naive_values(plan.pipeline, rows, len(made.names)),
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
        # no event lies after its arrival: one row dated 2041 would stop every clock
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
                # in UTC, as the ledger's times of refusals that it is compared with
                latest.item().replace(tzinfo=UTC),
                tuple(why for reasons in suspicions for why in reasons),
                bool(rows.held[there].all()),
            )
        )
    return tuple(found)


def _recipe(plan: BacktestPlan) -> str:
    window = plan.pipeline.training.window
    which = "all rows" if window == "all" else f"the latest {window}"
    held = len(plan.recorded.without)
    left_out = f", without {count_text(held, 'batch', 'batches')} held back" if held else ""
    return f"{plan.setting.family} ({plan.origin}) on {which}{left_out}"
