"""Which automations there should be: what follows from which event. Pure.

What an event starts is one automation for every pipeline that it is for. It runs the deployment
that pipelines share, or the pipeline's own, which the event names (`Event.wakes`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.config import Pipeline
from tasks.events.event import Event, resource
from tasks.reconciliation.deployed import EVERY_PIPELINE, SHARED

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

    They are `deployment`, as `ingest/all`, and `block`, as `slack-webhook/ops`, in `action`.
    """

    name: str
    description: str
    trigger: Mapping[str, Any]
    action: Mapping[str, Any]


def automations(pipelines: Iterable[Pipeline]) -> tuple[Automation, ...]:
    """Return every automation that these pipelines need, by name.

    >>> toy = Pipeline(name="a", task="binary", target="y", event_time="t")
    >>> [automation.name for automation in automations([toy])]
    ['perennial: ingest', 'perennial: monitor', 'perennial: train', 'perennial: runs that died']
    """
    ours = sorted(pipelines, key=lambda pipeline: pipeline.name)
    starts = [
        _start(what, [pipeline.name for pipeline in ours if _follows(pipeline, what)])
        for what in STARTS
        if any(_follows(pipeline, what) for pipeline in ours)
    ]
    tells = [
        _tell(pipeline, block, kind)
        for pipeline in ours
        for block in pipeline.notifications.blocks
        for kind in pipeline.notifications.on
    ]
    return (*starts, *tells, _dead_runs()) if ours else ()


def with_others(
    wanted: Iterable[Automation], there: Mapping[str, Collection[str]], only: str
) -> tuple[Automation, ...]:
    """Return what `only` needs, with the pipelines that share it as they are.

    `there` maps the names of the server's automations to the pipelines that they are for.

    >>> toy = Pipeline(name="b", task="binary", target="y", event_time="t")
    >>> shared = with_others(automations([toy]), {"perennial: train": ["a"]}, "b")
    >>> [(automation.name, whom(automation.trigger["match"])) for automation in shared[1:3]]
    [('perennial: monitor', ('b',)), ('perennial: train', ('a', 'b'))]
    """
    specs = {automation.name: automation for automation in wanted}
    kept = []
    for what in STARTS:
        name = PREFIX + what
        own = specs.pop(name, None)
        names = {*there.get(name, ())} - {only} | ({only} if own else set())
        kept += [_start(what, names)] if names else []
    return (*kept, *specs.values())


def whom(match: Mapping[str, str | Sequence[str]]) -> tuple[str, ...]:
    """Return the pipelines that a trigger is for.

    >>> whom({"prefect.resource.id": ["perennial.pipeline.a", "prefect.flow-run.*"]})
    ('a',)
    """
    ids = match.get("prefect.resource.id", ())
    ours = [ids] if isinstance(ids, str) else ids
    begin = resource("")
    return tuple(id.removeprefix(begin) for id in ours if id.startswith(begin))


def _follows(pipeline: Pipeline, what: str) -> bool:
    return pipeline.monitoring.labels == "delayed" or "label" not in what


def _start(what: str, pipelines: Iterable[str]) -> Automation:
    (event, parameters), flow = STARTS[what], what.partition(" ")[0]
    shared = {
        "source": "selected",
        "deployment": f"{flow}/{EVERY_PIPELINE}",
        "parameters": {"pipeline": "{{ event.payload.pipeline }}", **parameters},
    }
    # its own bears the pipeline among its parameters
    own = {"source": "inferred", "parameters": dict(parameters)}
    whose = f"{flow}/{EVERY_PIPELINE}" if flow in SHARED else f"the pipeline's own {flow}"
    return Automation(
        name=PREFIX + what,
        description=f"On {event}, run {whose}.",
        trigger=_on(event, pipelines),
        action={"type": "run-deployment", **(shared if flow in SHARED else own)},
    )


def _tell(pipeline: Pipeline, block: str, kind: str) -> Automation:
    name = pipeline.name
    return Automation(
        name=f"{PREFIX}{name}: tell {block} when {kind}",
        description=f"On {TELLS[kind]} of {name}, send a sentence through {block}.",
        trigger=_on(TELLS[kind], [name]),
        action={
            "type": "send-notification",
            "block": block,
            "subject": f"{name}: {kind}",
            "body": "{{ event.payload.summary }} {{ event.payload.url }}",
        },
    )


def _on(event: Event, pipelines: Iterable[str]) -> dict[str, Any]:
    return {
        "type": "event",
        "posture": "Reactive",
        "expect": [event.value],
        "match": {"prefect.resource.id": [resource(name) for name in sorted(pipelines)]},
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
