"""Decide on each batch that nobody has looked at yet, and record it once."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tasks.arrays import Floats
from tasks.data.standing import scan_standing
from tasks.dataset.arrival import latest_event
from tasks.errors import DataError, NotFound
from tasks.evaluation.metrics import METRICS
from tasks.events.event import Event
from tasks.faults import external_write
from tasks.ingestion.remembering import keep_history
from tasks.ledger.entry import Entry
from tasks.metering import Cost, measure_cost
from tasks.monitoring.arrivals import (
    Arrival,
    decision_id,
    find_arrivals,
    find_undecided,
    up_to,
)
from tasks.monitoring.champion import load_replaced, read_lineage
from tasks.monitoring.first import decide_first, decide_unreadable
from tasks.monitoring.observe import ObservedBatch, observe
from tasks.monitoring.past import ChampionLineage, observations, recorded_past
from tasks.policy.decision import Decision, decide
from tasks.policy.past import situation
from tasks.policy.policy import parse_policy
from tasks.policy.reading import count_text
from tasks.policy.situation import ErrorChange, MetricValue
from tasks.promotion.deciding import entries_to_decide_by
from tasks.promotion.model_version import ModelVersion
from tasks.records import read
from tasks.store.layout import BATCH, INGESTED_AT
from tasks.workspace import Workspace

FALLS = ("performance", "decay", "estimated_performance")


@dataclass(frozen=True)
class RecordedDecision:
    """One batch, the decision on it, and what was seen of it (None: no champion to see it).

    `recorded` is false where another monitor's decision on the batch stands, which is this one.
    """

    id: str
    arrival: Arrival
    decision: Decision
    seen: ObservedBatch | None
    recorded: bool = True

    @property
    def told(self) -> tuple[str, ...]:
        """What was seen and decided, a line each."""
        if not self.recorded:
            return (f"Another monitor decided on it before: {self.decision.reason}",)
        if self.seen is None:
            return (self.decision.reason,)
        seen = self.seen.observation
        rows = f"{count_text(seen.rows, 'row', 'rows')}, {seen.labelled:,} of them labelled"
        lines = [f"Version {seen.version} on {rows}"]
        if seen.drift is not None:
            lines.append(seen.drift.summary)
        if seen.live is not None and math.isfinite(seen.live.value):
            lines.append(f"Live {_shown(seen.live)}")
        if seen.estimated is not None:
            lines.append(f"Estimated without labels {_shown(seen.estimated)}")
        return (*lines, *seen.suspicions, *seen.warnings, self.decision.reason)

    @property
    def events(self) -> tuple[tuple[Event, dict[str, Any]], ...]:
        """The events that follow from it, each with what it says; whoever recorded it tells it."""
        decision, events = self.decision, []
        if not self.recorded:
            return ()
        if decision.retrain:
            said = {"decision": self.id, "cause": decision.rule, "reason": decision.reason}
            events.append((Event.RETRAIN_REQUESTED, said))
        fired = [reading for reading in decision.readings if reading.fired]
        # a fall is told although nothing is retrained, such as where the budget is spent
        fallen = [reading.said for reading in fired if reading.signal in FALLS]
        if fallen:
            events.append((Event.PERFORMANCE_DEGRADED, {"summary": fallen[0]}))
        return tuple(events)

    def to_dict(self) -> dict[str, Any]:
        """Return what the flow's outcome says of it; JSON values."""
        return {
            "id": self.id,
            "batch": self.arrival.batch,
            "object": self.arrival.object,
            "rows": self.arrival.rows,
            "decision": self.decision.to_dict(),
            "observation": None if self.seen is None else self.seen.observation.to_dict(),
        }


def find_new_arrivals(workspace: Workspace) -> tuple[Arrival, ...]:
    """Return the batches and files of labels that nothing was decided on yet, oldest first."""
    left = find_undecided(find_arrivals(workspace), entries_to_decide_by(workspace))
    return tuple(sorted(left, key=lambda arrival: (arrival.at, arrival.labels)))


def record_decision(
    workspace: Workspace, champion: ModelVersion | None, arrival: Arrival, cause: str
) -> RecordedDecision:
    """Observe a batch, decide, and record both in the ledger.

    A batch that the champion cannot read leads to a decision too, which says why.
    """
    with measure_cost() as meter:
        decision, seen = _look(workspace, champion, arrival)
    # the id is the batch's: of two looks at one batch the ledger takes the first
    name = decision_id(arrival.batch, labels=arrival.labels)
    decided = RecordedDecision(name, arrival, decision, seen)
    if _record(workspace, decided, cause, meter.cost):
        if seen is not None and seen.observation.suspicions:
            # held back from now on, also from what serving looks up
            keep_history(workspace)
        return decided
    (stands,) = [e for e in workspace.ledger.entries("decision") if e.id == name]
    told = read(Decision, stands.figures["decision"], f"ledger entry {name}")
    return RecordedDecision(name, arrival, told, None, recorded=False)


def observation_keys(workspace: Workspace, batch: str, version: int) -> dict[str, str]:
    """Return where lies what a version of the model showed on a batch."""
    # by version: a monitor that slept over a promotion must not write over its successor's
    names = {
        "json": f"observation-{version}.json",
        "errors": f"errors-{version}.npy",
        "html": "drift.html",
    }
    report = workspace.layout.report
    return {kind: report("monitoring", f"{batch}/{name}") for kind, name in names.items()}


def load_errors(workspace: Workspace, batch: str, version: int) -> Floats:
    """Return the error of that version on each labelled row of a batch, in the rows' order."""
    try:
        content = workspace.bucket.get(observation_keys(workspace, batch, version)["errors"])
    except NotFound:
        # releases up to 0.1.0 kept one of each batch
        content = workspace.bucket.get(workspace.layout.report("monitoring", f"{batch}/errors.npy"))
    errors: Floats = np.load(io.BytesIO(content), allow_pickle=False)
    return errors


def _look(
    workspace: Workspace, champion: ModelVersion | None, arrival: Arrival
) -> tuple[Decision, ObservedBatch | None]:
    entries, seen = entries_to_decide_by(workspace), None
    if champion is None:
        return _first(workspace, arrival, entries), None
    lineage = read_lineage(champion.manifest, workspace.pipeline.metric)
    try:
        replaced = load_replaced(workspace, champion, entries)
        seen = observe(workspace, champion, replaced, arrival)
        return _decision(workspace, lineage, seen, arrival, entries), seen
    except DataError as error:
        policy = parse_policy(workspace.pipeline.retraining.policy)
        return decide_unreadable(policy, lineage.fitted_until, str(error)), seen


def _decision(
    workspace: Workspace,
    lineage: ChampionLineage,
    seen: ObservedBatch,
    arrival: Arrival,
    entries: Sequence[Entry],
) -> Decision:
    pipeline = workspace.pipeline
    past = recorded_past(
        lineage,
        seen.observation,
        _errors(workspace, seen, entries),
        up_to(find_arrivals(workspace), arrival),
        entries,
        greater_is_better=METRICS[pipeline.metric].greater_is_better,
    )
    return decide(parse_policy(pipeline.retraining.policy), situation(past), pipeline.limits)


def _first(workspace: Workspace, arrival: Arrival, entries: Sequence[Entry]) -> Decision:
    import polars as pl

    pipeline = workspace.pipeline
    rows = scan_standing(workspace.curated, pipeline.key)
    target = pl.col(pipeline.target)
    labelled = rows.select(target.is_not_null().sum()).collect().item()
    if not arrival.labels:
        rows = rows.filter(pl.col(BATCH) == arrival.batch)
    latest = latest_event(rows, pipeline.time_column, INGESTED_AT) or arrival.at
    # the data's clock has no zone, in UTC: decisions of a year are compared with its event times
    at = latest if latest.tzinfo is None else latest.astimezone(UTC).replace(tzinfo=None)
    return decide_first(parse_policy(pipeline.retraining.policy), at, int(labelled), entries)


def _errors(
    workspace: Workspace, seen: ObservedBatch, entries: Sequence[Entry]
) -> ErrorChange | None:
    from tasks.policy.detectors import detect_change

    # a detector reads a stream: every error since the champion was fitted, in the order they came
    version = seen.observation.version
    earlier = [
        observation for observation in observations(entries) if observation.version == version
    ]
    kept = [load_errors(workspace, observation.batch, version) for observation in earlier]
    errors = np.concatenate([*kept, seen.errors])
    return detect_change(errors) if len(errors) else None


def _record(workspace: Workspace, decided: RecordedDecision, cause: str, cost: Cost) -> bool:
    """Record a decision, and return whether it is the one that stands."""
    seen, said = decided.seen, decided.to_dict()
    if seen is not None:
        version = seen.observation.version
        keys = observation_keys(workspace, decided.arrival.batch, version)
        buffer = io.BytesIO()
        np.save(buffer, seen.errors, allow_pickle=False)
        workspace.bucket.put(keys["errors"], buffer.getvalue())
        text = json.dumps({name: said[name] for name in ("decision", "observation")}, indent=2)
        workspace.bucket.put(keys["json"], text.encode(), content_type="application/json")
    entry = Entry(
        id=said.pop("id"),
        at=datetime.now(UTC),
        pipeline=workspace.name,
        kind="decision",
        version=None if seen is None else seen.observation.version,
        by=f"monitor ({cause})",
        summary=decided.decision.reason,
        figures={
            **said,
            "challengers": list(workspace.pipeline.retraining.challengers),
            "cost": cost.to_dict(),
        },
    )
    # the entry comes last: a death before it leaves pages that the next look writes again
    with external_write("monitor.decision"):
        return workspace.ledger.append(entry)


def _shown(figure: MetricValue) -> str:
    bounds = f"[{figure.low:.3f}, {figure.high:.3f}]"
    return f"{figure.metric} {figure.value:.3f} {bounds}"
