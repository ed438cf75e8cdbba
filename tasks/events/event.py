"""The events of Perennial in Prefect: what each means, who emits it, and how it is sent. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from tasks.errors import bounded

# Characters of a sentence that is sent on.
LONGEST = 500
# What Slack, Teams, Mattermost, Discord or a mail takes for markup, a mention or a link, and what
# stands for it: none of them escapes what a notification holds, and each would have it otherwise.
HARMLESS = str.maketrans(
    {
        "<": "\u2039", ">": "\u203a", "&": "\uff06", "@": "\uff20", "`": "'", "*": "\u2217",
        "[": "(", "]": ")", "|": "\u00a6", "~": "\u223c", "\\": "\u2216",
    }
)  # fmt: skip


class Event(StrEnum):
    """Every event by its name in Prefect, with what it means and the folder that emits it.

    `wakes` is the flow of which each pipeline has a deployment of its own, which the event names:
    one automation then serves every pipeline.
    What follows from one is in `STARTS` and `TELLS` of `deployments/apply/automations.py`.

    >>> Event.BATCH_ACCEPTED.value, Event.BATCH_ACCEPTED.means
    ('perennial.batch.accepted', 'rows were taken in')
    """

    means: str
    emitter: str
    wakes: str

    OBJECT_ARRIVED = "perennial.object.arrived", "an object came in", "deployments/receiver"
    BATCH_ACCEPTED = "perennial.batch.accepted", "rows were taken in", "tasks/ingestion", "monitor"
    LABELS_ARRIVED = "perennial.labels.arrived", "labels came", "tasks/ingestion", "monitor"
    BATCH_QUARANTINED = "perennial.batch.quarantined", "a file was refused", "tasks/ingestion"
    RETRAIN_REQUESTED = "perennial.retrain.requested", "a policy asks", "tasks/monitoring", "train"
    PERFORMANCE_DEGRADED = "perennial.performance.degraded", "a metric fell", "tasks/monitoring"
    MODEL_PROMOTED = "perennial.model.promoted", "a model went into service", "tasks/training"
    MODEL_REFUSED = "perennial.model.refused", "a gate or a race said no", "tasks/training"
    TRAINING_FAILED = "perennial.training.failed", "a decided training ended", "tasks/monitoring"
    APPROVAL_AWAITED = "perennial.approval.awaited", "a person has to say yes", "tasks/training"

    def __new__(cls, name: str, means: str, emitter: str, wakes: str = "") -> Event:
        event = str.__new__(cls, name)
        event._value_, event.means, event.emitter, event.wakes = name, means, emitter, wakes
        return event


def resource(pipeline: str) -> str:
    """Return the id under which Prefect knows a pipeline."""
    return f"perennial.pipeline.{pipeline}"


def sentence(text: str) -> str:
    """Return a text that may be sent to people: one line, bounded, and nothing but text anywhere.

    >>> print(sentence("<!channel> see [x](https://evil.example)\\nby @ann"))
    \u2039!channel\u203a see (x)(https:/evil.example) by \uff20ann
    """
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    # with one slash, nobody makes a link of it
    plain = re.sub(r"/{2,}", "/", " ".join(shown.split()).translate(HARMLESS))
    return bounded(plain, LONGEST)


def document(
    event: Event,
    pipeline: str,
    payload: Mapping[str, Any],
    now: datetime,
    id: UUID,
    deployment: UUID | None = None,
) -> dict[str, Any]:
    """Return the event as Prefect's API takes it; the same `id` again is the same event.

    Its `summary`, if it has one, is a `sentence`.

    Args:
        event: what happened.
        pipeline: whom it concerns.
        payload: what it tells besides the pipeline, JSON values.
        now: with a zone.
        id: the server takes it once.
        deployment: what it wakes, where that is the pipeline's own.

    >>> noon = datetime(2026, 1, 2, 12)
    >>> document(Event.BATCH_ACCEPTED, "flights", {"a": 1}, noon, UUID(int=7))["payload"]
    {'pipeline': 'flights', 'a': 1}
    """
    summary = payload.get("summary")
    told = {"summary": sentence(summary)} if isinstance(summary, str) else {}
    return {
        "id": str(id),
        # our own hour, never a sender's: an event dated six hours ahead does harm in Prefect 3.8
        "occurred": now.isoformat(),
        "event": event.value,
        "resource": {
            "prefect.resource.id": resource(pipeline),
            "prefect.resource.name": pipeline,
        },
        "related": [] if deployment is None else [_as_related(deployment)],
        "payload": {"pipeline": pipeline, **payload, **told},
    }


def _as_related(deployment: UUID) -> dict[str, str]:
    id = f"prefect.deployment.{deployment}"
    return {"prefect.resource.id": id, "prefect.resource.role": "deployment"}
