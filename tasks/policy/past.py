"""Everything that is known when a decision is due, and the situation that follows from it. Pure.

The live monitor fills a `Past` from the ledger and the table's history, a replay from its table
of fits and cells. Both let `situation` make of it what a policy looks at, so that what a policy
would have done and what it does are one function.

A replay differs in what it can know, not in how it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from math import isfinite

from tasks.policy.expected_gain import LATEST, expected_cost, expected_gain, realised_gain
from tasks.policy.situation import DriftFigure, ErrorChange, MetricValue, Refusals, Situation, loss

# Batches, refused ones included. It is no setting, so that live and replay look at the same ones.
LATELY = 10


@dataclass(frozen=True)
class Incumbent:
    """The model in service: what it was fitted on, and how it did then.

    Attributes:
        model: its version, or in a replay the number of the last batch it was fitted on.
        arrived: how many batches had arrived when it was pinned.
        learned: how many of them it could learn from; fewer where labels take time.
        labels: how many files of labels had arrived.
        rows: it was fitted on.
        until: the latest event time of them, never after their arrival.
        reference: its metric at its gate.
        without: ids of the batches that were held back from it.
    """

    model: int
    arrived: int
    learned: int
    rows: int
    until: datetime
    reference: MetricValue
    labels: int = 0
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Accepted:
    """A batch that was accepted, how many of its rows have a label by now, whether held back."""

    id: str
    at: datetime
    rows: int
    labelled: int
    held: bool = False


@dataclass(frozen=True)
class Meeting:
    """What a model showed on a batch, or on the rows that a file of labels was for.

    Attributes:
        model: as in `Incumbent`.
        last: the latest event time of the rows, never after their arrival; None where not known.
        late: every row of it is older than what the model was fitted on.
        live, estimated, drift: as in `Situation`.
        gain: what the model added to the one it replaced, on the same labelled rows, in the unit
            of `realised_gain`; None where it replaced none or no label tells.
        suspicions: why it is held back, a sentence each.
    """

    model: int
    last: datetime | None
    late: bool = False
    live: MetricValue | None = None
    estimated: MetricValue | None = None
    drift: DriftFigure | None = None
    gain: float | None = None
    suspicions: tuple[str, ...] = ()


@dataclass(frozen=True)
class GateGain:
    """A model that a retraining made, its gain at the gate, and what it cost, if known."""

    model: int
    gain: float | None = None
    cpu_seconds: float | None = None


@dataclass(frozen=True)
class Past:
    """What had happened when a decision is due on the last of `meetings`.

    Attributes:
        incumbent: the model in service.
        batches: accepted up to now, oldest first.
        refusals: when each refused batch arrived.
        meetings: in the order they happened; the last one is decided on.
        verdicts: on the models that retrainings made, oldest first.
        retrainings: when retraining was decided, by the data's clock.
        labels: the labels in each file of labels that came, oldest first.
        errors, running, greater_is_better: as in `Situation`.
    """

    incumbent: Incumbent
    batches: tuple[Accepted, ...]
    refusals: tuple[datetime, ...]
    meetings: tuple[Meeting, ...]
    verdicts: tuple[GateGain, ...]
    retrainings: tuple[datetime, ...]
    labels: tuple[int, ...]
    errors: ErrorChange | None
    running: bool
    greater_is_better: bool


def situation(past: Past) -> Situation:
    """Return what a policy looks at.

    Raises:
        DataError: some of the times have a zone and some have none.
    """
    incumbent, now = past.incumbent, past.meetings[-1]
    at = clock(past)
    since = past.batches[incumbent.arrived :]
    # a late batch says nothing new: the champion was fitted on later rows
    recent = tuple(
        meeting.live
        for meeting in past.meetings
        if meeting.model == incumbent.model and meeting.live is not None and not meeting.late
    )
    live, drop = recent[-1] if recent else None, None
    if live is not None and live.known:
        drop = loss(incumbent.reference.value, live.value, past.greater_is_better)
    return Situation(
        at=at,
        batches=len(since),
        rows=sum(batch.rows for batch in since),
        fitted_rows=incumbent.rows,
        fitted_until=incumbent.until,
        reference=incumbent.reference,
        greater_is_better=past.greater_is_better,
        live=live,
        recent=recent,
        estimated=now.estimated,
        drift=now.drift,
        errors=past.errors,
        refused=recent_refusals(past),
        suspicions=now.suspicions,
        learnable=learnable_rows(past),
        # one decided by a clock that ran ahead, before clocks were bounded, holds nothing back
        retrainings=tuple(time for time in past.retrainings if time <= at),
        running=past.running,
        expected_gain=expected_gain(gains(past), drop),
        expected_cost=expected_cost(costs(past)),
    )


def clock(past: Past) -> datetime:
    """Return the latest event time known: an old batch never turns it back."""
    seen = (meeting.last for meeting in past.meetings if meeting.last is not None)
    return max((past.incumbent.until, *seen))


def recent_refusals(past: Past) -> Refusals:
    """Return the share of refused batches among the latest."""
    # only the latest of each kind can be among the latest of both
    good = ((batch.at, False) for batch in past.batches[-LATELY:])
    bad = ((time, True) for time in sorted(past.refusals)[-LATELY:])
    latest = sorted([*good, *bad])[-LATELY:]
    share = sum(is_bad for _, is_bad in latest) / len(latest) if latest else 0.0
    return Refusals(share, len(latest))


def learnable_rows(past: Past) -> int:
    """Return how many labelled rows there are that the champion was not fitted on.

    Batches that are held back do not count; those that were held back from the champion, and
    have been cleared since, do.
    """
    incumbent = past.incumbent
    # from what it learned, not from what had arrived: labels that took time are new since then
    came = past.batches[incumbent.learned :]
    if incumbent.without:
        came = (*came, *(b for b in past.batches[: incumbent.learned] if b.id in incumbent.without))
    return sum(batch.labelled for batch in came if not batch.held) + sum(
        past.labels[incumbent.labels :]
    )


def costs(past: Past) -> tuple[float, ...]:
    """Return the CPU seconds of the retrainings that are known, oldest first."""
    # a model that lost its race was judged twice, and made once
    made = {verdict.model: verdict.cpu_seconds for verdict in past.verdicts}
    return tuple(seconds for seconds in made.values() if seconds is not None)


def gains(past: Past) -> tuple[float, ...]:
    """Return what the latest retrainings bought, oldest first; see `realised_gain`."""
    later: dict[int, list[float]] = {}
    for meeting in past.meetings:
        if meeting.gain is not None:
            later.setdefault(meeting.model, []).append(meeting.gain)
    # a model that lost its race was judged twice: the last verdict stands
    gate = {verdict.model: verdict.gain for verdict in past.verdicts}
    newest = (realised_gain(gate[model], later.get(model, ())) for model in reversed(gate))
    # no more than are looked at: a replay asks after every batch, and may have hundreds
    known = (gain for gain in newest if gain is not None and isfinite(gain))
    return tuple(islice(known, LATEST))[::-1]
