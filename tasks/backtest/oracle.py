"""The best that any policy could have reached, known only afterwards: the bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from tasks.arrays import Floats, Integers
from tasks.backtest.history import History
from tasks.backtest.known import AT_ONCE, InformationSet
from tasks.policy.situation import unit
from tasks.records import MaybeNaN

# Sums of the same figures in another order differ by less: only more than that is worth one more
# retraining, or the oracle would retrain for nothing.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Bound:
    """The best mean with at most `allowed` retrainings, and the fewest that reach it.

    `retrainings` are the batches after which they happen. The mean is of the live metric over the
    judged batches, NaN without one.
    """

    allowed: int
    retrainings: tuple[int, ...]
    mean: MaybeNaN
    cpu_seconds: float


def oracle_bounds(history: History, label_delay: timedelta = AT_ONCE) -> tuple[Bound, ...]:
    """Return the best reachable mean for 0, 1, 2, … retrainings, up to one after every batch.

    Exact, by dynamic programming over the batch of the latest retraining (Bellman 1957). Limits
    such as a cooldown do not bind the oracle; labels and fitted models do, as in a replay.
    """
    known = InformationSet(history, label_delay)
    last = len(history.batches) - 1
    # a place where no newer model could be fitted yet is none: a retraining there changes nothing
    later = (number for number in history.replayed[:-1] if known.learnable(number) > history.first)
    places = (history.first, *later, last)
    ends = (history.first, *(known.learnable(number) for number in places[1:-1]))
    stretches = _stretches(history, places, ends)
    totals, moves = stretches[0], []
    best, used = totals[-1], _path(())
    found = [_bound(history, 0, places, ends, used, best)]
    for allowed in range(1, len(ends)):
        sums = totals[:, None] + stretches
        moves.append(sums.argmax(axis=0))
        totals = sums.max(axis=0)
        if totals[-1] > best + ROUNDING:
            best, used = totals[-1], _path(moves)
        found.append(_bound(history, allowed, places, ends, used, best))
    return tuple(found)


def choose_oracle(history: History, allowed: Sequence[Bound], worth: float) -> Bound:
    """Return the bound that retrains whenever it would have paid, and never else.

    A retraining pays when the metric that it adds, summed over the batches it changes, is at
    least `worth` (for an error: `worth` times the first model's error at its gate). So 0.02 is
    two hundredths on one batch, or two thousandths on ten.
    """
    price = worth * unit(history.fits[history.first].reference.value, history.greater_is_better)
    count = len(history.judged)
    if not count:
        return allowed[0]
    # rounded, so that of bounds that net the same the one with the fewest retrainings is taken
    nets = [history.sign * bound.mean * count - price * len(bound.retrainings) for bound in allowed]
    return allowed[int(np.argmax(np.round(nets, 12)))]


def _stretches(history: History, places: Sequence[int], ends: Sequence[int]) -> Floats:
    """Return what the model put into service at one place adds until another; -inf backwards.

    Place 0 is the start, the last one the end, those between are possible retrainings.
    """
    judged = np.isin(np.arange(len(history.batches)), history.judged)
    table = np.where(judged, history.values * history.sign, 0.0)
    # a batch without a metric adds nothing
    reached = np.nancumsum(table[list(ends)], axis=1)[:, list(places)]
    added = reached - np.diagonal(reached)[:, None]
    found, later = np.full((len(places), len(places)), -np.inf), np.triu_indices(len(places), 1)
    found[later] = added[later]
    return found


def _path(moves: Sequence[Integers]) -> tuple[int, ...]:
    """Return the retrainings that lead to the end, as positions among the places."""
    # each table of moves says where the best way to a place came from: followed from the end
    path, at = [], -1
    for move in reversed(moves):
        at = int(move[at])
        path.append(at)
    return tuple(reversed(path))


def _bound(
    history: History,
    allowed: int,
    places: Sequence[int],
    ends: Sequence[int],
    used: Sequence[int],
    total: float,
) -> Bound:
    count = len(history.judged)
    mean = history.sign * float(total) / count if count else float("nan")
    cpu = sum(history.fits[ends[place]].cpu_seconds for place in used)
    return Bound(allowed, tuple(places[place] for place in used), mean, cpu)
