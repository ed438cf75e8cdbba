"""Every event is registered, emitted where its entry says, and followed by something."""

from __future__ import annotations

import re

import pytest

from deployments.apply.automations import STARTS, TELLS
from tasks.events.event import Event
from tasks.settings import REPOSITORY

REGISTRY = REPOSITORY / "tasks" / "events" / "event.py"
NAME = re.compile(r"""["']perennial\.(?!pipeline\.)[a-z]+\.[a-z]+["']""")
SOURCES = [
    path
    for folder in ("tasks", "flows", "deployments")
    for path in (REPOSITORY / folder).rglob("*.py")
    if path != REGISTRY
]


def test_no_event_is_named_outside_the_registry() -> None:
    assert [path for path in SOURCES if NAME.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("event", Event)
def test_an_event_is_emitted_where_its_entry_says_and_nowhere_else(event: Event) -> None:
    word = re.compile(rf"\bEvent\.{event.name}\b")
    users = [path.relative_to(REPOSITORY).as_posix() for path in SOURCES
             if word.search(path.read_text(encoding="utf-8"))]  # fmt: skip
    assert {user.rpartition("/")[0] for user in users} == {event.emitter, "deployments/apply"}


def test_something_follows_from_every_event_and_each_says_what_it_means() -> None:
    assert {*(event for event, _ in STARTS.values()), *TELLS.values()} == {*Event}
    assert all(event.means for event in Event)
    assert len({event.means for event in Event}) == len(Event)
