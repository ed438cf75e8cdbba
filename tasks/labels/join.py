"""What each label that came is worth, and rows with their labels. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from tasks.config import Pipeline
from tasks.labels.table import LABELLED_AT
from tasks.policy.reading import count_text
from tasks.readers.private import conceal
from tasks.readers.problem import FEW, list_rows
from tasks.store.layout import INGESTED_AT

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("new", "revised", "duplicate", "contradicting", "unknown", "late")
KEPT = ("new", "revised", "unknown", "late")


@dataclass(frozen=True)
class Counts:
    """How many labels came, and how many of each kind; each label is of one kind.

    Attributes:
        new: its row is there and had no label.
        duplicate: the same was known, or came before in the file; dropped.
        contradicting: another was known, or came before; the first stays. Where the newest counts,
            another for the same row follows in the file.
        unknown: no such row; kept, for it may come later.
        late: as new, but later after its event than agreed; kept.
        contradictions: a few row numbers of the file, from 1.
        revised: another was known; this one counts from now on, and the other stays as history.
        strangers: what unknown keys look like, and known ones.
    """

    rows: int
    new: int = 0
    duplicate: int = 0
    contradicting: int = 0
    unknown: int = 0
    late: int = 0
    contradictions: tuple[int, ...] = ()
    revised: int = 0
    strangers: str = ""

    @property
    def kept(self) -> int:
        """How many labels were added."""
        return self.new + self.revised + self.unknown + self.late

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
        if self.unknown and self.strangers:
            said["unknown"] = f"{self.unknown:,} unknown ({self.strangers})"
        return f"{count_text(self.rows, 'label', 'labels')}: {', '.join(said.values())}"


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
    """The labels to keep, in the file's order, and the counts of all.

    `after` is, for each kept one, when what it revises came; null where it revises nothing.
    `joined` is how many labels of the file are for a row, or a label, that is known.
    """

    kept: pl.DataFrame
    counts: Counts
    after: pl.Series
    joined: int


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
    revisions: Literal["newest", "first"] = "newest",
) -> LabelSelection:
    """Judge every label against those before it, the curated rows, and the labels known.

    Args:
        came: key and target, in the file's order, nothing missing.
        rows: key, target and event time of curated rows, and when they were ingested; the target
            may be missing.
        known: key and target of labels that came earlier, and when; the latest of a key counts.
        at: when the file arrived, with a zone.
        late_after: the time after the event from which on a label is late; None is never.
        revisions: which of two labels of one row counts.
    """
    marked = (
        came.with_row_index("_row", offset=1)
        .join(_once(rows, key, target, event_time), on=key, how="left", maintain_order="left")
        .join(_once(known, key, target), on=key, how="left", maintain_order="left", suffix="_late")
    )
    is_late = pl.lit(value=False)
    if late_after is not None:
        is_late = (pl.lit(at) - _instant(marked, "_event")) > late_after
    kind = _kind(key, target, is_late, newest=revisions == "newest")
    marked = marked.with_columns(_kind=kind)
    counts = dict(marked["_kind"].value_counts().iter_rows())
    wrong = marked.filter(pl.col("_kind") == "contradicting")["_row"].head(FEW).to_list()
    kept = marked.filter(pl.col("_kind").is_in(KEPT))
    told = Counts(len(came), **counts, contradictions=tuple(wrong))
    joined = marked.select((pl.col("_there") | pl.col("_known_late").is_not_null()).sum()).item()
    # what a revision must come after: two clocks may disagree, and its time says that it does
    revises = pl.when(pl.col("_kind") == "revised")
    after = kept.select(revises.then(pl.max_horizontal("_since", "_since_late")))
    return LabelSelection(kept.select([*key, target]), told, after.to_series(), int(joined))


def _kind(key: Sequence[str], target: str, is_late: pl.Expr, *, newest: bool) -> pl.Expr:
    """Return the kind of each label that stands beside what was known of its row."""
    value = pl.col(target)
    # the order is who is believed: the row's own target, then a label that came earlier. Where the
    # newest counts, a label that came after the row's own target comes before it
    revised_before = pl.col("_since_late") > pl.col("_since")
    own = pl.when(revised_before).then("_known_late").otherwise("_known")
    stands = pl.coalesce(own, "_known_late")
    # within this file it is the first, or the last, that counts
    counting = pl.col("_row").last() if newest else pl.col("_row").first()
    counts_here = pl.col("_row") == counting.over(key)
    theirs = (value.last() if newest else value.first()).over(key)
    if not newest:
        stands = pl.coalesce(stands, pl.when(~counts_here).then(theirs))
    kinds = {
        "duplicate": (stands == value) | (~counts_here & (theirs == value) & newest),
        "contradicting": (stands.is_not_null() & (not newest)) | ~counts_here,
        "revised": stands.is_not_null(),
        "unknown": pl.col("_there").is_null(),
        "late": is_late,
        "new": pl.lit(value=True),
    }
    # the first that holds: a contradiction of a label without its row is one all the same
    return pl.coalesce(pl.when(holds).then(pl.lit(name)) for name, holds in kinds.items())


def show_key(values: Sequence[Any], key: Sequence[str], personal: Sequence[str]) -> str:
    """Return what a key looks like; of what is personal, which letters are digits.

    >>> show_key(["AB-12", 7], ["id", "day"], []), show_key(["AB-12", 7], ["id", "day"], ["id"])
    ('AB-12 | 7', 'AA-99 | 7')
    >>> show_key(["ann@b.org"], ["id"], ["mail"])
    'AAA@A.AAA'
    """
    return " | ".join(
        re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", str(value)))
        if name in personal or conceal(value, personal) != value
        else str(value)
        for name, value in zip(key, values, strict=True)
    )


def _once(
    frame: pl.DataFrame, key: Sequence[str], target: str, event_time: str | None = None
) -> pl.DataFrame:
    columns = [*key, pl.col(target).alias("_known")]
    moment = INGESTED_AT if event_time is not None else LABELLED_AT
    since = pl.col(moment) if moment in frame.columns else pl.lit(None, pl.Datetime("us", "UTC"))
    columns.append(since.alias("_since"))
    if event_time is not None:
        columns += [pl.col(event_time).alias("_event"), pl.lit(True).alias("_there")]
    # the latest of several labels; of rows that were appended beside each other, the first
    once = frame.select(columns).sort("_since", maintain_order=True)
    keep: Literal["first", "last"] = "first" if event_time is not None else "last"
    return once.unique(subset=list(key), keep=keep, maintain_order=True)


def _instant(frame: pl.DataFrame, column: str) -> pl.Expr:
    # dates count at their midnight, and what has no zone is in UTC, as everywhere in curated rows
    zoned = getattr(frame.schema[column], "time_zone", None)
    at = pl.col(column)
    return at if zoned else at.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def with_labels(
    frame: pd.DataFrame, labels: pd.DataFrame, pipeline: Pipeline
) -> tuple[pd.DataFrame, Coverage]:
    """Return the rows, in their order, with their labels joined by key, and how many have one.

    A row's own target stays where it has one, unless a label came after the row and revised it; a
    frame without the target gains it. Where every row has a label the target is of the labels'
    type.
    """
    import pandas as pd

    target, key = pipeline.target, list(pipeline.key)
    own = frame[target] if target in frame else pd.Series(pd.NA, frame.index, dtype="object")
    if key and len(labels):
        once = labels.drop_duplicates(key, keep="last")
        joined = frame[key].merge(once, on=key, how="left").set_axis(frame.index)
        came, takes = joined[target], own.isna()
        dated = INGESTED_AT in frame and LABELLED_AT in joined
        if dated:
            takes |= came.notna() & (joined[LABELLED_AT] > frame[INGESTED_AT])
        if takes.any():
            like = labels[target]
            # a target that was widened after these labels came; whole numbers with a gap are
            # floats too
            stays = own[~takes]
            if pd.api.types.is_float_dtype(stays) and (stays % 1 != 0).any():
                like = like.astype(stays.dtype)
            own = _typed(own.astype("object").where(~takes, came), like)
        # a row cannot have been learned from before its label came: it counts as arrived with it
        if dated:
            since = joined[LABELLED_AT].where(takes & came.notna(), frame[INGESTED_AT])
            frame = frame.assign(**{INGESTED_AT: since.astype(frame[INGESTED_AT].dtype)})
            if pipeline.features.history is not None:
                # a target that came by itself was known to nobody before
                frame = frame.assign(**{LABELLED_AT: joined[LABELLED_AT].where(takes)})
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
