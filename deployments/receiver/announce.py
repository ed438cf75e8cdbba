"""Tell Prefect that a pipeline has something to look at."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from deployments.prefect_api import open_client
from tasks.events.event import document
from tasks.events.gathering import WakeUp
from tasks.events.names import OBJECT_ARRIVED
from tasks.settings import Settings

BATCH = 50  # events in one request; some 200 at once lock Prefect's SQLite


class Announcer:
    """Post wake-ups as events over one connection, which is opened again after a failure.

    To connect anew each time costs 0.2 to 0.9 s, mostly certificates that loopback does not need.
    All calls come from one thread.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._held = ExitStack()
        self._client: Any = None

    def __call__(self, wakes: Sequence[WakeUp], call: UUID) -> None:
        """Post one event a wake-up, dated now; the same `call` again is the same events.

        Without wake-ups it only connects.

        Raises:
            OrchestrationError: Prefect gives no answer, or does not take them.
        """
        try:
            if self._client is None:
                self._client = self._held.enter_context(open_client(self._settings))
            events = [event(wake, datetime.now(UTC), call) for wake in wakes]
            for start in range(0, len(events), BATCH):
                batch = events[start : start + BATCH]
                self._client.request("POST", "/events", json=batch).raise_for_status()
        except Exception as error:
            held, self._held, self._client = self._held, ExitStack(), None
            # The door makes the error ours on its way out.
            held.__exit__(type(error), error, error.__traceback__)
            raise


def event(wake: WakeUp, now: datetime, call: UUID) -> dict[str, Any]:
    """Return the event of one wake-up; the same `call` again is the same event.

    >>> wake = WakeUp("flights", 500, ("flights/incoming/a.csv",))
    >>> found = event(wake, datetime(2026, 1, 2, tzinfo=UTC), UUID(int=7))
    >>> found["resource"]["prefect.resource.id"], found["payload"]["objects"]
    ('perennial.pipeline.flights', 500)
    """
    payload = {"objects": wake.objects, "keys": list(wake.keys)}
    return document(OBJECT_ARRIVED, wake.pipeline, payload, now, uuid5(call, wake.pipeline))
