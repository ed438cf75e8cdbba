"""An event as Prefect's API takes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from tasks.events.names import resource


def document(
    event: str, pipeline: str, payload: Mapping[str, Any], now: datetime, id: UUID
) -> dict[str, Any]:
    """Return the event, dated `now`; the same `id` again is the same event.

    Args:
        event: one of `tasks.events.names`.
        pipeline: whom it concerns.
        payload: what it tells besides the pipeline, JSON values.
        now: with a zone. Times that a sender claims are not used: Prefect acts strangely on
            events of the future.
        id: the server takes it once.

    >>> noon = datetime(2026, 1, 2, 12)
    >>> document("perennial.x", "flights", {"a": 1}, noon, UUID(int=7))["payload"]
    {'pipeline': 'flights', 'a': 1}
    """
    return {
        "id": str(id),
        "occurred": now.isoformat(),
        "event": event,
        "resource": {
            "prefect.resource.id": resource(pipeline),
            "prefect.resource.name": pipeline,
        },
        "related": [],
        "payload": {"pipeline": pipeline, **payload},
    }
