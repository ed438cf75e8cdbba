"""The rows of a history, as the plan of a backtest pins them."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from tasks.arrays import Mask
from tasks.backtest.cutting import Cut, cut, cut_by_arrival
from tasks.backtest.fitting import HistoryRows
from tasks.backtest.plan import BacktestPlan
from tasks.config import Pipeline
from tasks.data.curated import curated, training_rows
from tasks.dataset.dataset import event_times, moments
from tasks.features.history import add_history, plan_history, refuse_taken
from tasks.labels.join import with_labels
from tasks.labels.known import gather_history
from tasks.labels.table import LABELLED_AT, load_labels
from tasks.monitoring.arrivals import arrivals
from tasks.store.bucket import Bucket
from tasks.store.layout import BATCH, INGESTED_AT


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
