"""No event starts, through the flows and what they announce, the flow that announced it."""

from __future__ import annotations

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter

import pytest

from deployments.apply.automations import STARTS
from deployments.apply.plan import ENTRY_POINTS, OPTIONAL
from tasks.events.event import Event
from tasks.settings import REPOSITORY

Graph = dict[str, set[str]]


def topics_of(flow: str) -> set[str]:
    """Return the topics whose tasks a flow carries out, where it announces anything."""
    module, _, _ = {**ENTRY_POINTS, **OPTIONAL}[flow].rpartition(".")
    text = (REPOSITORY / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    named = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    modules = {node.module or "" for node in named}
    if "tasks.events.task" not in modules:
        return set()
    return {name.removesuffix(".task").replace(".", "/") for name in modules}


def graph(starts: dict[str, Event]) -> Graph:
    """Return what each flow and event leads to."""
    found: Graph = defaultdict(set)
    for what, event in starts.items():
        found[event].add(what.partition(" ")[0])
    for flow in {what.partition(" ")[0] for what in starts}:
        found[flow] = {event for event in Event if event.emitter in topics_of(flow)}
    # a training that failed says so by a hook of its flow, and not by a step of it
    found["train"].add(Event.TRAINING_FAILED)
    return found


def test_what_follows_from_an_event_ends() -> None:
    found = graph({what: event for what, (event, _) in STARTS.items()})
    assert Event.RETRAIN_REQUESTED in found["monitor"]
    assert Event.BATCH_ACCEPTED in found["ingest"]
    order = list(TopologicalSorter(found).static_order())
    assert order.index("train") < order.index("monitor") < order.index("ingest")


@pytest.mark.parametrize("event", [Event.MODEL_PROMOTED, Event.TRAINING_FAILED])
def test_an_automation_that_makes_a_circle_is_seen(event: Event) -> None:
    starts = {what: event for what, (event, _) in STARTS.items()}
    with pytest.raises(CycleError):
        TopologicalSorter(graph({**starts, "monitor again": event, "train again": event})).prepare()
