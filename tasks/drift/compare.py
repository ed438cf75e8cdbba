"""Whether new rows drifted from what the champion was trained on, column by column. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from tasks.drift.chance import distance_by_chance, shift_by_chance, unseen_by_chance
from tasks.drift.distance import distance, method, psi
from tasks.drift.drift import ColumnDrift, DatasetDrift
from tasks.drift.profile import ColumnProfile, Profile
from tasks.errors import DataError

# Evidently's default for both distances.
LIMIT = 0.1
# Evidently 0.7 leaves missing rows out: a column of which 75 % is gone scores as no drift. So the
# share of them is judged by itself.
MISSING_SHIFT = 0.1
UNSEEN = 0.05
# Columns that the sentence names; the page has them all.
NAMED = 3
# Of one free text the words before and now.
Words = tuple[ColumnProfile, ColumnProfile]


def compare(
    reference: Profile,
    current: Profile,
    *,
    importances: Mapping[str, float],
    share: float,
) -> DatasetDrift:
    """Return what changed from `reference`, the champion's profile, to `current`.

    A column drifts where its missing share moved by `MISSING_SHIFT` or more, or to all; where
    `UNSEEN` or more of its rows lie in categories that the reference never saw, or of a free
    text's words are such; or where its distance reaches `LIMIT`. Each counts only beyond what
    sampling shows at 99 %.

    Args:
        reference, current: both profiles.
        importances: the champion's share per prepared column; empty for equal weights.
        share: the weighted share of drifted columns from which the whole drifted.

    Raises:
        DataError: an importance is negative or no number.
    """
    rows = (reference.rows, current.rows)
    if not all(rows):
        told = "Nothing was compared: " + (
            "no rows came." if reference.rows else "the model's profile holds no rows."
        )
        return DatasetDrift(rows, 0.0, share, False, (), (), None, told)
    # the reference's columns, not those that came: what is gone has to be found missing
    weights = _weights([column.name for column in reference.columns], importances)
    spoken = _spoken(reference, current)
    columns = _columns(reference.columns, current.columns, current.rows, weights, spoken)
    predictions: tuple[ColumnDrift, ...] = ()
    if current.predictions:
        alike = _weights([column.name for column in reference.predictions], {})
        rows_now = current.predictions[0].rows
        predictions = _columns(reference.predictions, current.predictions, rows_now, alike)
    target = None
    if reference.target and current.target:
        target = _column(reference.target, current.target, current.target.rows, 0.0)
    # what rounding adds up to is not to decide whether a limit is reached
    drifted = round(sum(column.weight for column in columns if column.drifted), 12)
    over = drifted > 0 and drifted >= share
    told = _summary(columns, predictions, target, drifted, share)
    return DatasetDrift(rows, drifted, share, over, columns, predictions, target, told)


def _columns(
    reference: tuple[ColumnProfile, ...],
    current: tuple[ColumnProfile, ...],
    rows: int,
    weights: Mapping[str, float],
    words: Mapping[str, Words] = MappingProxyType({}),
) -> tuple[ColumnDrift, ...]:
    now = {column.name: column for column in current}
    found = (
        _column(column, now.get(column.name), rows, weights[column.name], words.get(column.name))
        for column in reference
    )
    return tuple(
        sorted(found, key=lambda column: (-column.weight * column.size, -column.size, column.name))
    )


def _column(
    before: ColumnProfile,
    now: ColumnProfile | None,
    rows: int,
    weight: float,
    words: Words | None = None,
) -> ColumnDrift:
    # missing values first: a distance does not see them
    absent = (
        f"absent from {'the row' if rows == 1 else f'all {rows:,} rows'}" if now is None else ""
    )
    # no distance is defined between numbers and texts
    if now is not None and now.kind != before.kind:
        absent, now = f"it is a {now.kind} now, no {before.kind} as before", None
    reasons = [absent] if absent else [_missing_moved(before, now) if now else ""]
    unseen, score, needed, excuse = 0.0, math.nan, LIMIT, ""
    index = math.nan
    if now is not None and now.known and before.known:
        unseen, new = _unseen_words(*words, now.known) if words else _unseen_rows(before, now)
        reasons.append(new)
        score, index = distance(before, now), psi(before, now)
        # chance is asked only where it can decide: it costs three hundred draws a column
        if score >= LIMIT:
            needed = max(LIMIT, distance_by_chance(before, now.known, method(before, now)))
            told = _told(score, needed, now.known)
            reasons.append(told if score >= needed else "")
            excuse = told if score < needed else ""
    found = "; ".join(reason for reason in reasons if reason)
    return ColumnDrift(
        name=before.name,
        kind=before.kind,
        method=method(before, now or before),
        score=None if math.isnan(score) else score,
        limit=needed,
        psi=None if math.isnan(index) else index,
        missing=(before.missing_share, now.missing_share if now is not None else 1.0),
        unseen=unseen,
        weight=weight,
        drifted=bool(found),
        why=found or excuse,
    )


def _missing_moved(before: ColumnProfile, now: ColumnProfile) -> str:
    if not now.rows or not before.rows:
        return ""
    shift = abs(now.missing_share - before.missing_share)
    gone = before.known and not now.known
    # both shares are rounded: a shift of exactly a tenth is one
    if shift < MISSING_SHIFT - 1e-12 and not gone:
        return ""
    if shift <= shift_by_chance(before.missing, before.rows, now.rows):
        return ""
    way = "rose" if now.missing_share > before.missing_share else "fell"
    return f"missing rows {way} from {before.missing_share:.1%} to {now.missing_share:.1%}"


def _unseen(before: ColumnProfile, now: ColumnProfile) -> float:
    """Return the share of known rows in new categories; at least, where some are not named."""
    if before.kind == "number":
        return 0.0
    seen = set(before.values.tolist())
    new = np.array([text not in seen for text in now.values.tolist()], dtype=bool)
    return max(0.0, int(now.counts[new].sum()) / now.known - before.other_share)


def _unseen_rows(before: ColumnProfile, now: ColumnProfile) -> tuple[float, str]:
    unseen = _unseen(before, now)
    if unseen < UNSEEN or unseen <= unseen_by_chance(before, now.known):
        return unseen, ""
    return unseen, f"{unseen:.1%} of the rows are in categories never seen before"


def _unseen_words(before: ColumnProfile, now: ColumnProfile, texts: int) -> tuple[float, str]:
    if not before.known or not now.known:
        return 0.0, ""
    unseen = _unseen(before, now)
    # words come text by text, so that as many texts, not as many words, are drawn at random
    if unseen < UNSEEN or unseen <= unseen_by_chance(before, min(texts, now.known)):
        return unseen, ""
    return unseen, f"{unseen:.1%} of its words were never seen before"


def _spoken(reference: Profile, current: Profile) -> dict[str, Words]:
    now = {column.name: column for column in current.words}
    # a profile of before this was watched has no words
    return {
        column.name: (column, now[column.name]) for column in reference.words if column.name in now
    }


def _told(score: float, needed: float, rows: int) -> str:
    chance = f"{rows:,} rows of unchanged data reach {needed:.3g} by chance (99 %)"
    if score < needed:
        return f"distance {score:.3g} may be chance: {chance}"
    if needed > LIMIT:
        return f"distance {score:.3g}, over the {needed:.3g} of chance: {chance}"
    return f"distance {score:.3g}, limit {LIMIT:.3g}"


def _weights(names: list[str], importances: Mapping[str, float]) -> dict[str, float]:
    wrong = {name: weight for name, weight in importances.items() if not 0 <= weight < math.inf}
    if wrong:
        raise DataError("importances", "each is a number from 0 up", wrong)
    known = {name: float(importances.get(name, 0.0)) for name in names}
    total = sum(known.values())
    if total <= 0:
        return {name: 1 / len(names) for name in names}
    return {name: weight / total for name, weight in known.items()}


def _summary(
    columns: tuple[ColumnDrift, ...],
    predictions: tuple[ColumnDrift, ...],
    target: ColumnDrift | None,
    share: float,
    limit: float,
) -> str:
    worst = [column.name for column in columns if column.drifted]
    more = f" and {len(worst) - NAMED} more" if len(worst) > NAMED else ""
    if worst:
        names = ", ".join(worst[:NAMED]) + more
        told = (
            f"{len(worst)} of {len(columns)} columns drifted, {share:.0%} of the weight "
            f"(limit {limit:.0%}): {names}"
        )
    else:
        told = f"None of {len(columns)} columns drifted"
    answers = any(column.drifted for column in predictions)
    ends = [f"the predictions {'drifted' if answers else 'did not'}"] if predictions else []
    if target:
        ends.append(f"the target {'drifted' if target.drifted else 'did not'}")
    return "; ".join([told, *ends]) + "."
