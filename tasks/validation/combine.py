"""Counts of many pieces judged together, as if they had been one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tasks.readers.problem import FEW

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Finding:
    """What one evaluation found.

    `evaluated` and `unexpected` are counts, None where the expectation judges one figure.
    `places` are positions of offending rows in what was evaluated, from 0; `values` a few texts of
    what stands there.
    """

    success: bool
    evaluated: int | None = None
    unexpected: int | None = None
    places: tuple[int, ...] = ()
    observed: str | None = None
    error: str | None = None
    values: tuple[str, ...] = ()


def sample(frame: pd.DataFrame, columns: Sequence[str], finding: Finding) -> Finding:
    """Return what was found on a frame with a few of the values, where it is about one column."""
    if len(columns) != 1:
        return finding
    # More than are shown, since nulls and repeated values among them are not.
    values = frame[columns[0]].iloc[list(finding.places[: 4 * FEW])]
    return replace(finding, values=show(values.dropna()))


def show(values: Iterable[Any]) -> tuple[str, ...]:
    """Return a few short texts of values, each text once.

    >>> show([2.5, 2.5, "A" * 60])
    ('2.5', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')
    """
    return tuple(dict.fromkeys(str(value)[:40] for value in values))[:FEW]


def combine(parts: Sequence[Finding], mostly: float) -> Finding:
    """Judge the counts of all parts against `mostly`; an error in any part is a failure.

    As Great Expectations does, nothing evaluated is a success.

    >>> combine([Finding(False, 10, 2, (3,)), Finding(True, 90, 0)], 0.98).success
    True
    >>> combine([Finding(True, 10, 0), Finding(False, error="boom")], 0.0).error
    'boom'
    """
    error = next((part.error for part in parts if part.error is not None), None)
    if error is not None:
        return Finding(False, error=error)
    if len(parts) == 1 and parts[0].evaluated is None:
        return parts[0]
    evaluated = sum(part.evaluated or 0 for part in parts)
    unexpected = sum(part.unexpected or 0 for part in parts)
    places = tuple(place for part in parts for place in part.places)[:FEW]
    # The values of the first part that has any: later ones would only push them out.
    values = next((part.values for part in parts if part.values), ())
    success = is_met(evaluated, unexpected, mostly)
    return Finding(success, evaluated, unexpected, places, values=values)


def weigh(outcome: Finding, counts: Sequence[int], missing: int, mostly: float) -> Finding:
    """Return what an outcome on distinct values means for the rows that hold them.

    `counts` are rows for each evaluated position; `missing` is how many of those rows hold
    nothing and are not evaluated.

    >>> weigh(Finding(False, 2, 1, (1,)), [97, 3], 0, 0.95).unexpected
    3
    """
    if outcome.error is not None or outcome.evaluated is None:
        return outcome
    evaluated = sum(counts) - missing
    unexpected = sum(counts[place] for place in outcome.places)
    success = is_met(evaluated, unexpected, mostly)
    return replace(outcome, success=success, evaluated=evaluated, unexpected=unexpected)


def is_met(evaluated: int, unexpected: int, mostly: float) -> bool:
    """Return whether enough values meet an expectation.

    >>> is_met(100, 1, 0.99), is_met(100, 2, 0.99), is_met(0, 0, 1.0)
    (True, False, True)
    """
    # The quotient as Great Expectations takes it, or a share right at `mostly` could differ.
    return evaluated == 0 or (float(evaluated) - float(unexpected)) / float(evaluated) >= mostly
