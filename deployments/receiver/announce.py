"""Tell Prefect that a pipeline has something to look at."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from deployments.prefect_api import open_client
from tasks.events.event import Event, document
from tasks.events.gathering import WakeUp
from tasks.settings import Settings

BATCH = 50  # events in one request; some 200 at once lock Prefect's SQLite


class Announcer:
    """Post wake-ups as events over one connection; all calls come from one thread."""

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
            # Kept open: to connect anew costs 0.2 to 0.9 s, mostly for certificates that loopback
            # does not need.
            if self._client is None:
                self._client = self._held.enter_context(open_client(self._settings))
            events = [_event(wake, call) for wake in wakes]
            for start in range(0, len(events), BATCH):
                batch = events[start : start + BATCH]
                self._client.request("POST", "/events", json=batch).raise_for_status()
        except Exception as error:
            # The next call connects again: the server may have been restarted.
            held, self._held, self._client = self._held, ExitStack(), None
            # The door makes the error ours on its way out.
            held.__exit__(type(error), error, error.__traceback__)
            raise


def _event(wake: WakeUp, call: UUID) -> dict[str, Any]:
    payload = {"objects": wake.objects, "keys": list(wake.keys)}
    now, identity = datetime.now(UTC), uuid5(call, wake.pipeline)
    return document(Event.OBJECT_ARRIVED, wake.pipeline, payload, now, identity)
