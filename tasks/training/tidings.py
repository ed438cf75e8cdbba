"""Which events follow from how a training ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.events.event import Event

# Of every other end, such as one that changed nothing, nobody needs to hear.
TOLD: Mapping[str, Event] = {
    "promoted": Event.MODEL_PROMOTED,
    "refused": Event.MODEL_REFUSED,
    "lost": Event.MODEL_REFUSED,
    "awaiting approval": Event.APPROVAL_AWAITED,
}


def choose_events(outcome: Mapping[str, Any]) -> list[tuple[Event, dict[str, Any]]]:
    """Return the events that follow from a training's outcome, each with what it says.

    >>> said = {"version": 3, "summary": "", "price": "", "url": None}
    >>> [event.name for event, _ in choose_events({"outcome": "lost", **said})]
    ['MODEL_REFUSED']
    >>> choose_events({"outcome": "already", **said})
    []
    """
    event = TOLD.get(outcome["outcome"])
    if event is None:
        return []
    return [(event, {key: outcome[key] for key in ("version", "summary", "price", "url")})]
