"""Which automations there should be: what follows from which event. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.config import Pipeline
from tasks.events.event import Event, resource

PREFIX = "perennial: "  # ours are known by it
HEARTBEAT = "prefect.flow-run.heartbeat"
ENDS = ("Completed", "Failed", "Cancelled", "Crashed", "AwaitingRetry", "Paused", "Suspended")
SILENCE = 300.0  # seconds: ten heartbeats; a busy machine delays one by minutes
# What a template gives arrives as text (Prefect 3.8): no number, no list belongs here.
DECIDED = {"cause": "{{ event.payload.cause }}", "decision": "{{ event.payload.decision }}"}
STARTS: Mapping[str, tuple[Event, Mapping[str, str]]] = {
    "ingest": (Event.OBJECT_ARRIVED, {"cause": "arrival"}),
    "label": (Event.OBJECT_ARRIVED, {"cause": "arrival"}),
    "monitor": (Event.BATCH_ACCEPTED, {"cause": "new batch"}),
    "monitor labels": (Event.LABELS_ARRIVED, {"cause": "new labels"}),
    "train": (Event.RETRAIN_REQUESTED, DECIDED),
}
TELLS: Mapping[str, Event] = {
    "quarantined": Event.BATCH_QUARANTINED,
    "refused": Event.MODEL_REFUSED,
    "promoted": Event.MODEL_PROMOTED,
    "awaiting": Event.APPROVAL_AWAITED,
    "degraded": Event.PERFORMANCE_DEGRADED,
    "failed": Event.TRAINING_FAILED,
}


@dataclass(frozen=True)
class Automation:
    """One automation as Prefect's API takes it, but for names in the place of ids.

    They are `deployment`, as `train/flights`, and `block`, as `slack-webhook/ops`, in `action`.
    """

    name: str
    description: str
    trigger: Mapping[str, Any]
    action: Mapping[str, Any]


def automations(pipelines: Iterable[Pipeline]) -> tuple[Automation, ...]:
    """Return every automation that these pipelines need, by name.

    >>> toy = Pipeline(name="a", task="binary", target="y", event_time="t")
    >>> [automation.name for automation in automations([toy])]
    ['perennial: a: ingest', 'perennial: a: monitor', 'perennial: a: train', \
'perennial: runs that died']
    """
    found = []
    for pipeline in sorted(pipelines, key=lambda pipeline: pipeline.name):
        delayed = pipeline.monitoring.labels == "delayed"
        found += [_start(pipeline, what) for what in STARTS if delayed or "label" not in what]
        found += [
            _tell(pipeline, block, kind)
            for block in pipeline.notifications.blocks
            for kind in pipeline.notifications.on
        ]
    return (*found, _dead_runs()) if found else ()


def _start(pipeline: Pipeline, what: str) -> Automation:
    (event, parameters), flow = STARTS[what], what.partition(" ")[0]
    name = pipeline.name
    return Automation(
        name=f"{PREFIX}{name}: {what}",
        description=f"On {event} of {name}, run {flow}/{name}.",
        trigger=_on(event, name),
        action={
            "type": "run-deployment",
            "source": "selected",
            "deployment": f"{flow}/{name}",
            "parameters": {"pipeline": name, **parameters},
        },
    )


def _tell(pipeline: Pipeline, block: str, kind: str) -> Automation:
    name = pipeline.name
    return Automation(
        name=f"{PREFIX}{name}: tell {block} when {kind}",
        description=f"On {TELLS[kind]} of {name}, send a sentence through {block}.",
        trigger=_on(TELLS[kind], name),
        action={
            "type": "send-notification",
            "block": block,
            "subject": f"{name}: {kind}",
            "body": "{{ event.payload.summary }} {{ event.payload.url }}",
        },
    )


def _on(event: Event, pipeline: str) -> dict[str, Any]:
    return {
        "type": "event",
        "posture": "Reactive",
        "expect": [event.value],
        "match": {"prefect.resource.id": resource(pipeline)},
        "threshold": 1,
        "within": 0.0,
    }


def _dead_runs() -> Automation:
    return Automation(
        name=f"{PREFIX}runs that died",
        description="Mark a run as crashed that gives no sign of life any more.",
        trigger={
            "type": "event",
            "posture": "Proactive",
            # Said to live, and then neither said again nor ended. It fires for ended runs too
            # (PrefectHQ/prefect#18653): the server refuses to mark those.
            "after": [HEARTBEAT],
            "expect": [HEARTBEAT, *(f"prefect.flow-run.{end}" for end in ENDS)],
            "match": {"prefect.resource.id": "prefect.flow-run.*"},
            "for_each": ["prefect.resource.id"],
            "threshold": 1,
            "within": SILENCE,
        },
        action={
            "type": "change-flow-run-state",
            "state": "CRASHED",
            "message": "It gave no sign of life any more.",
        },
    )
