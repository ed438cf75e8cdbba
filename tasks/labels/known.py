"""The targets of a pipeline that are known, for `features.history`: from its rows and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from tasks.config import Pipeline
from tasks.data.columns import from_polars
from tasks.data.standing import scan_standing
from tasks.data.table_errors import translate_errors
from tasks.errors import DataError
from tasks.features.history import (
    HistoryPlan,
    Known,
    KnownOfGroup,
    add_history,
    gather_known,
    name_groups,
    plan_history,
    refuse_taken,
)
from tasks.features.values import moments
from tasks.labels.join import with_labels
from tasks.labels.table import LABELLED_AT, labels_version, load_labels
from tasks.ledger.suspicion import held_back
from tasks.store.layout import INGESTED_AT
from tasks.workspace import Place

if TYPE_CHECKING:
    import pandas as pd


def gather_history(frame: pd.DataFrame, plan: HistoryPlan) -> dict[str, KnownOfGroup]:
    """Return what curated rows with their labels (`with_labels`) say is known."""
    late = moments(frame[LABELLED_AT], LABELLED_AT) if LABELLED_AT in frame else None
    times = moments(frame[plan.event_time], plan.event_time)
    groups = name_groups(frame, plan.by)
    return gather_known(plan, groups, times, frame[plan.target], late)


def with_history(frame: pd.DataFrame, pipeline: Pipeline) -> pd.DataFrame:
    """Return curated rows with the columns of their own history; as they are where none is asked.

    Raises:
        DataError: the data have a column of such a name, or lack one that it is looked up by.
    """
    plan = plan_history(pipeline)
    if plan is None:
        return frame
    refuse_taken(plan, list(map(str, frame.columns)))
    made = add_history(frame, plan, gather_history(frame, plan))
    return made.drop(columns=LABELLED_AT, errors="ignore")


@dataclass(frozen=True)
class Versions:
    """Of the curated table and of the labels; None where there is no table."""

    data: int | None
    labels: int | None


def newest_versions(place: Place, pipeline: Pipeline) -> Versions:
    """Return which rows and labels there are now."""
    return Versions(place.curated.version(), labels_version(place.bucket, pipeline))


def load_history(place: Place, pipeline: Pipeline, plan: HistoryPlan, versions: Versions) -> Known:
    """Return what is known by these rows and labels, without those that a person has to clear.

    Of the table only the columns that it takes are in memory, of all rows.
    """
    held = held_back(place.ledger.entries())
    table, schema = place.curated, place.curated.schema(versions.data)
    if schema is None:
        return {}
    columns = dict.fromkeys([*pipeline.key, *plan.by, plan.event_time, plan.target, INGESTED_AT])
    absent = [name for name in columns if name not in schema.names]
    if absent:
        rule = "the columns that a history is looked up by are there"
        raise DataError("features.history", rule, f"no {', '.join(absent)}", "Add the columns.")
    rows = scan_standing(table, pipeline.key, version=versions.data, without=held)
    rows = rows.select(list(columns))
    with translate_errors(table.uri):
        named = pa.schema([schema.field(name) for name in columns])
        found = from_polars(rows.collect(), named)
    frame = found.to_pandas(date_as_object=False, split_blocks=True)
    labels = load_labels(place.bucket, pipeline, versions.labels, without=held)
    return gather_history(with_labels(frame, labels, pipeline)[0], plan)


def with_known(
    frame: pd.DataFrame, place: Place, pipeline: Pipeline, plan: HistoryPlan | None
) -> pd.DataFrame:
    """Return rows from anywhere with what is known before each of them; as they are without plan.

    Columns of the history that the rows bring along stay.
    """
    if plan is None:
        return frame
    known = load_history(place, pipeline, plan, newest_versions(place, pipeline))
    return add_history(frame, plan, known)
