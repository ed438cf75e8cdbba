"""Which deployments there should be, and what differs from those that there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from deployments.worker.kind import POOL
from tasks.config import Pipeline
from tasks.reconciliation.deployed import EVERY_PIPELINE, SHARED

TAG = "perennial"
RECONCILE_EVERY = "* * * * *"
# When most are asleep, and not with what others start on the hour.
MAINTAIN_EVERY = "23 3 * * *"
ENTRY_POINTS: Mapping[str, str] = {
    "ingest": "flows.ingestion.ingest",
    "label": "flows.labelling.label",
    "train": "flows.training.train",
    "score": "flows.scoring.score",
    "monitor": "flows.monitoring.monitor",
    "backtest": "flows.backtesting.backtest",
}
# Those that a pipeline has where its file asks for them.
OPTIONAL: Mapping[str, str] = {"collect": "flows.collecting.collect"}
RECONCILE = "flows.reconciling.reconcile"
MAINTAIN = "flows.maintaining.maintain"
# What a pipeline has of its own runs one at a time: two trainings at once would judge against one
# champion, two decisions would both say retrain, and of two collectors one would work for nothing.
OWN = tuple(flow for flow in (*ENTRY_POINTS, *OPTIONAL) if flow not in SHARED)
EVERYONES = tuple(f"{flow}/{EVERY_PIPELINE}" for flow in (*SHARED, "reconcile", "maintain"))
PURPOSES: Mapping[str, str] = {
    "ingest": "Brings what lies in the incoming folder into the curated table, or quarantine.",
    "label": "Joins labels that come after their rows, and counts those that contradict.",
    "train": "Trains a challenger, lets the gate judge it, and promotes it when it passes.",
    "score": "Scores every row of one object of the bucket with the champion.",
    "monitor": "Looks at each new batch with the champion's eyes, and decides whether to retrain.",
    "collect": "Fetches new rows from the pipeline's source into the incoming folder.",
    "backtest": "Replays the history under several policies: what each costs, and what it buys.",
}


@dataclass(frozen=True)
class DeploymentSpec:
    """One deployment as it should be, or as it is.

    `schedule` is a cron line in UTC, `concurrency` the number of runs at once (None: any),
    `schema` the JSON schema of the flow's parameters, and `overrides` the names of what it would
    bring to a run's process: nothing, our worker refuses it. Prefect's name for it is
    `train/flights`.
    """

    flow: str
    pipeline: str
    entrypoint: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    schedule: str | None = None
    tags: tuple[str, ...] = (TAG,)
    work_pool: str | None = POOL
    concurrency: int | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Flow and pipeline, as Prefect writes them."""
        return f"{self.flow}/{self.pipeline}"


COMPARED = tuple(part.name for part in fields(DeploymentSpec))[2:]  # flow and pipeline name it
SHOWN = ("name", "entrypoint", "schedule", "concurrency", "parameters")


@dataclass(frozen=True)
class Present:
    """A deployment that the server has, under the server's id."""

    id: str
    spec: DeploymentSpec


@dataclass(frozen=True)
class Update:
    """A deployment to bring in line; `changes` tells, by the field, what changes in it."""

    present: Present
    spec: DeploymentSpec
    changes: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """What to create, update and remove; `unchanged` and `automations` hold names alone."""

    create: tuple[DeploymentSpec, ...] = ()
    update: tuple[Update, ...] = ()
    remove: tuple[Present, ...] = ()
    unchanged: tuple[str, ...] = ()
    automations: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def changes(self) -> int:
        """How many deployments and automations are to be created, updated and removed."""
        events = sum(len(self.automations.get(done, ())) for done in ("create", "update", "remove"))
        return len(self.create) + len(self.update) + len(self.remove) + events

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as one JSON document."""
        return {
            "create": [{name: getattr(spec, name) for name in SHOWN} for spec in self.create],
            "update": [
                {"name": update.spec.name, "changes": [*update.changes.values()]}
                for update in self.update
            ],
            "remove": [present.spec.name for present in self.remove],
            "unchanged": list(self.unchanged),
            "automations": {done: list(names) for done, names in self.automations.items()},
        }

    def to_text(self) -> str:
        """Return one line a deployment: + new, ~ changed, - gone, = as it was.

        >>> print(Plan(create=(DeploymentSpec("train", "a", "b", schedule="0 6 1 * *"),)).to_text())
        + train/a  at 0 6 1 * * UTC
        """
        new = [
            f"+ {spec.name}  {f'at {spec.schedule} UTC' if spec.schedule else 'when asked'}"
            for spec in self.create
        ]
        changed = [
            f"~ {update.spec.name}  {'; '.join(update.changes.values())}" for update in self.update
        ]
        gone = [f"- {present.spec.name}" for present in self.remove]
        same = [f"= {name}" for name in self.unchanged]
        marks = {"create": "+", "update": "~", "remove": "-", "unchanged": "="}
        events = [
            f"{mark} on {name}"
            for done, mark in marks.items()
            for name in self.automations.get(done, ())
        ]
        return "\n".join([*new, *changed, *gone, *same, *events]) or "No deployments."


def plan_deployments(
    pipelines: Iterable[Pipeline],
    schemas: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[DeploymentSpec, ...]:
    """Return the deployments that these pipelines need, by name: their own, then everyone's.

    `schemas` maps an entry point to the JSON schema of its parameters.
    """
    ours, known = sorted(pipelines, key=lambda pipeline: pipeline.name), schemas or {}
    reconciler = DeploymentSpec(
        flow="reconcile",
        pipeline=EVERY_PIPELINE,
        entrypoint=RECONCILE,
        description="Finds what an event lost, and starts what is missing, every minute.",
        schedule=RECONCILE_EVERY,
        concurrency=1,
        schema=known.get(RECONCILE, {}),
    )
    maintainer = replace(
        reconciler,
        flow="maintain",
        entrypoint=MAINTAIN,
        description="Makes few files of many, and removes what nothing needs any more, every day.",
        schedule=MAINTAIN_EVERY,
        schema=known.get(MAINTAIN, {}),
    )
    # Ingestion has no limit of runs at once: an object lands once, whoever brings it.
    shared = tuple(
        DeploymentSpec(
            flow=flow,
            pipeline=EVERY_PIPELINE,
            entrypoint=ENTRY_POINTS[flow],
            description=PURPOSES[flow],
            schema=known.get(ENTRY_POINTS[flow], {}),
        )
        for flow in sorted(SHARED)
    )
    own = (spec for pipeline in ours for spec in _own(pipeline, known))
    return (*own, *shared, reconciler, maintainer) if ours else ()


def _own(pipeline: Pipeline, schemas: Mapping[str, Mapping[str, Any]]) -> Iterator[DeploymentSpec]:
    for flow, entrypoint in sorted({**ENTRY_POINTS, **_asked_for(pipeline)}.items()):
        if flow in OWN:
            yield DeploymentSpec(
                flow=flow,
                pipeline=pipeline.name,
                entrypoint=entrypoint,
                description=f"{pipeline.description}\n\n{PURPOSES[flow]}".strip(),
                parameters={"pipeline": pipeline.name},
                schedule=_schedule(pipeline, flow),
                tags=(TAG, pipeline.name) if pipeline.name != TAG else (TAG,),
                concurrency=1,
                schema=schemas.get(entrypoint, {}),
            )


def _asked_for(pipeline: Pipeline) -> Mapping[str, str]:
    return OPTIONAL if pipeline.source.collect is not None else {}


def _schedule(pipeline: Pipeline, flow: str) -> str | None:
    source = pipeline.source.collect
    if flow == "collect" and source is not None:
        return source.schedule
    return pipeline.retraining.schedule if flow == "train" else None


def compare_deployments(wanted: Iterable[DeploymentSpec], present: Iterable[Present]) -> Plan:
    """Return what turns `present` into `wanted`; both are known by their names."""
    specs = {spec.name: spec for spec in wanted}
    there = {deployment.spec.name: deployment for deployment in present}
    changes = {
        name: _changes(there[name].spec, spec) for name, spec in specs.items() if name in there
    }
    return Plan(
        create=tuple(spec for name, spec in specs.items() if name not in there),
        update=tuple(Update(there[name], specs[name], new) for name, new in changes.items() if new),
        remove=tuple(deployment for name, deployment in sorted(there.items()) if name not in specs),
        unchanged=tuple(name for name, changed in changes.items() if not changed),
    )


def _changes(was: DeploymentSpec, becomes: DeploymentSpec) -> dict[str, str]:
    told = {}
    for name in COMPARED:
        before, after = getattr(was, name), getattr(becomes, name)
        # The server gives tags back in an order of its own.
        same = set(before) == set(after) if name == "tags" else before == after
        if not same:
            long = name in ("description", "schema")
            told[name] = name if long else f"{name} {_written(before)} -> {_written(after)}"
    return told


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
