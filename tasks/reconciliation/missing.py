"""What should be running and is not: what an event lost. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

GRACE = timedelta(seconds=20)  # an event's own run starts within seconds
Waiting = tuple[str, datetime]


@dataclass(frozen=True)
class Launch:
    """A run to start; the same `key` starts it once, however often it is asked for.

    `oldest` is what waits longest for it, and since when.
    """

    flow: str
    pipeline: str
    key: str
    why: str
    oldest: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


def find_missing(
    pipeline: str,
    waiting: Mapping[str, Sequence[Waiting]],
    active: Collection[str],
    now: datetime,
    grace: timedelta = GRACE,
) -> tuple[Launch, ...]:
    """Return the runs to start: one for each flow that something has waited for long enough.

    Args:
        pipeline: the runs are of its deployments.
        waiting: the name of what waits, and since when, by flow.
        active: the flows that run or are about to: what waits for them is seen to.
        now: with a zone, as the times in `waiting`.
        grace: what came within it is left to its event.

    >>> noon = datetime(2026, 1, 1, 12)
    >>> batch = "a.csv", noon - timedelta(minutes=1)
    >>> [run.flow for run in find_missing("flights", {"ingest": [batch]}, set(), noon)]
    ['ingest']
    >>> find_missing("flights", {"ingest": [batch]}, {"ingest"}, noon)
    ()
    >>> later, first = ("a", noon - timedelta(hours=1)), ("z", noon - timedelta(hours=2))
    >>> (run,) = find_missing("flights", {"train": [later, first]}, set(), noon)
    >>> run.parameters, run.oldest
    ({'decision': 'z'}, 'z of 2026-01-01 10:00:00')
    """
    launches = []
    for flow, things in waiting.items():
        # the oldest first: it is what a run is asked for, and whose starts are counted
        waits = sorted(things, key=lambda thing: (thing[1], thing[0]))
        # Either way: where the store's clock is ahead of ours, what came just now would be left to
        # its event for hours.
        due = [name for name, since in waits if abs(now - since) >= grace]
        if not due or flow in active:
            continue
        # a minute in the key: a run that died without a trace is started again, not refused
        text = "\n".join([flow, pipeline, now.strftime("%Y-%m-%dT%H:%M"), *due])
        more = f" and {len(due) - 1} more" if len(due) > 1 else ""
        decided = {"decision": due[0]} if flow == "train" else {}
        key = hashlib.sha256(text.encode()).hexdigest()
        oldest = f"{waits[0][0]} of {waits[0][1]:%Y-%m-%d %H:%M:%S}"
        launches.append(Launch(flow, pipeline, key, f"{due[0]}{more}", oldest, decided))
    return tuple(launches)
