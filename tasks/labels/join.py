"""What each label that came is worth, and rows with their labels. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks.config import Pipeline
from tasks.labels.table import LABELLED_AT
from tasks.readers.problem import FEW, list_rows
from tasks.store.layout import INGESTED_AT

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("new", "duplicate", "contradicting", "unknown", "late")
KEPT = ("new", "unknown", "late")


@dataclass(frozen=True)
class Counts:
    """How many labels came, and how many of each kind; each label is of one kind.

    Attributes:
        new: its row is there and had no label.
        duplicate: the same was known, or came before in the file; dropped.
        contradicting: another was known, or came before; the first stays.
        unknown: no such row; kept, for it may come later.
        late: as new, but later after its event than agreed; kept.
        contradictions: a few row numbers of the file, from 1.
    """

    rows: int
    new: int = 0
    duplicate: int = 0
    contradicting: int = 0
    unknown: int = 0
    late: int = 0
    contradictions: tuple[int, ...] = ()

    @property
    def kept(self) -> int:
        """How many labels were added."""
        return self.new + self.unknown + self.late

    @property
    def sentence(self) -> str:
        """The counts in one line.

        >>> Counts(3, new=2, contradicting=1, contradictions=(3,)).sentence
        '3 labels: 2 new, 1 contradicting (row 3)'
        """
        said = {kind: f"{getattr(self, kind):,} {kind}" for kind in KINDS if getattr(self, kind)}
        if self.contradictions:
            rows = list_rows(self.contradictions).strip(" .").lower()
            said["contradicting"] = f"{self.contradicting:,} contradicting ({rows})"
        return f"{self.rows:,} labels: {', '.join(said.values())}"


@dataclass(frozen=True)
class Coverage:
    """How many of some rows have a label."""

    rows: int
    labelled: int

    @property
    def share(self) -> float:
        """The labelled part, 0 to 1; 0 without rows."""
        return self.labelled / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class LabelSelection:
    """The labels to keep, in the file's order, and the counts of all."""

    kept: pl.DataFrame
    counts: Counts


def judge(
    came: pl.DataFrame,
    rows: pl.DataFrame,
    known: pl.DataFrame,
    *,
    key: Sequence[str],
    target: str,
    event_time: str,
    at: datetime,
    late_after: timedelta | None,
) -> LabelSelection:
    """Judge every label against those before it, the curated rows, and the labels known.

    Args:
        came: key and target, in the file's order, nothing missing.
        rows: key, target and event time of curated rows; the target may be missing.
        known: key and target of labels that came earlier; one for a key.
        at: when the file arrived, with a zone.
        late_after: the time after the event from which on a label is late; None is never.

    """
    marked = (
        came.with_row_index("_row", offset=1)
        .join(_once(rows, key, target, event_time), on=key, how="left", maintain_order="left")
        .join(_once(known, key, target), on=key, how="left", maintain_order="left", suffix="_late")
    )
    value, first = pl.col(target), pl.col(target).first().over(key)
    # the order is who is believed: the row's own target, a label that came earlier, and within
    # this file the first; a later word never changes what a model may have learned
    repeats = pl.col("_row") != pl.col("_row").first().over(key)
    stands = pl.coalesce("_known", "_known_late", pl.when(repeats).then(first))
    is_late = pl.lit(False)
    if late_after is not None:
        is_late = (pl.lit(at) - _instant(marked, "_event")) > late_after
    kinds = {
        "duplicate": stands == value,
        "contradicting": stands.is_not_null(),
        "unknown": pl.col("_there").is_null(),
        "late": is_late,
        "new": pl.lit(True),
    }
    # the first that holds: a contradiction of a label without its row is one all the same
    kind = pl.coalesce(pl.when(holds).then(pl.lit(name)) for name, holds in kinds.items())
    marked = marked.with_columns(_kind=kind)
    counts = dict(marked["_kind"].value_counts().iter_rows())
    wrong = marked.filter(pl.col("_kind") == "contradicting")["_row"].head(FEW).to_list()
    kept = marked.filter(pl.col("_kind").is_in(KEPT)).select([*key, target])
    return LabelSelection(kept, Counts(len(came), **counts, contradictions=tuple(wrong)))


def _once(
    frame: pl.DataFrame, key: Sequence[str], target: str, event_time: str | None = None
) -> pl.DataFrame:
    columns = [*key, pl.col(target).alias("_known")]
    if event_time is not None:
        columns += [pl.col(event_time).alias("_event"), pl.lit(True).alias("_there")]
    return frame.select(columns).unique(subset=list(key), keep="first", maintain_order=True)


def _instant(frame: pl.DataFrame, column: str) -> pl.Expr:
    # dates count at their midnight, and what has no zone is in UTC, as everywhere in curated rows
    zoned = getattr(frame.schema[column], "time_zone", None)
    at = pl.col(column)
    return at if zoned else at.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def with_labels(
    frame: pd.DataFrame, labels: pd.DataFrame, pipeline: Pipeline
) -> tuple[pd.DataFrame, Coverage]:
    """Return the rows, in their order, with their labels joined by key, and how many have one.

    A row's own target stays where it has one, and a frame without the target gains it. Where
    every row has a label the target is of the labels' type.
    """
    import pandas as pd

    target, key = pipeline.target, list(pipeline.key)
    own = frame[target] if target in frame else pd.Series(pd.NA, frame.index, dtype="object")
    if key and len(labels) and own.isna().any():
        once = labels.drop_duplicates(key)
        joined = frame[key].merge(once, on=key, how="left").set_axis(frame.index)
        came, missing = joined[target], own.isna()
        own = _typed(own.astype("object").where(~missing, came), labels[target])
        # a row cannot have been learned from before its label came: it counts as arrived with it
        if INGESTED_AT in frame and LABELLED_AT in joined:
            since = joined[LABELLED_AT].where(missing & came.notna(), frame[INGESTED_AT])
            frame = frame.assign(**{INGESTED_AT: since.astype(frame[INGESTED_AT].dtype)})
    frame = frame.assign(**{target: own})
    return frame, Coverage(len(frame), int(own.notna().sum()))


def _typed(values: pd.Series[Any], like: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    # NumPy's integers and booleans have no missing value
    if values.isna().any() and pd.api.types.is_integer_dtype(like.dtype):
        return values.astype("Int64")
    if values.isna().any() and pd.api.types.is_bool_dtype(like.dtype):
        return values
    return values.astype(like.dtype)
