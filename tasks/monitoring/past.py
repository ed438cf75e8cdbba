"""The past of a champion as the ledger and the table's history tell it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.ledger.entry import Entry
from tasks.ledger.reversal import removed_batches, standing_refusals
from tasks.ledger.suspicion import held_back
from tasks.monitoring.arrivals import Arrival, find_unanswered
from tasks.monitoring.first import is_retraining
from tasks.monitoring.look import drift_figure
from tasks.monitoring.observation import Observation
from tasks.policy.past import Accepted, GateGain, Incumbent, Meeting, Past
from tasks.policy.situation import ErrorChange, MetricValue


@dataclass(frozen=True)
class ChampionLineage:
    """What a manifest says of the model in service: what it was fitted on, and how it did then.

    `data_version` and `labels` are the versions of the curated table and of the labels that it
    was pinned to; `without` the batches that were held back from it.
    """

    version: int
    data_version: int
    fitted_rows: int
    fitted_until: datetime
    reference: MetricValue
    labels: int | None = None
    without: tuple[str, ...] = ()


def recorded_past(
    champion: ChampionLineage,
    observation: Observation,
    errors: ErrorChange | None,
    came: Sequence[Arrival],
    entries: Sequence[Entry],
    *,
    greater_is_better: bool,
) -> Past:
    """Return what had happened when `observation` was made.

    Args:
        champion: in service.
        observation: the newest, which is not in the ledger yet.
        errors: what a detector found in the champion's errors, those of `observation` included.
        came: every accepted batch and file of labels up to the observed one.
        entries: the ledger so far.
        greater_is_better: the metric's direction.
    """
    batches = [arrival for arrival in came if not arrival.labels]
    labels = [arrival for arrival in came if arrival.labels]
    recorded = _recorded(entries)
    labelled = {seen.batch: seen.labelled for seen, _ in recorded}
    # its own observation is not in the ledger yet, and counts as if it were
    labelled[observation.batch] = observation.labelled
    held = {*held_back(entries), *([observation.batch] if observation.suspicions else [])}
    return Past(
        incumbent=_incumbent(champion, batches, labels),
        batches=tuple(
            Accepted(name, batch.at, batch.rows, labelled.get(name, 0), name in held)
            for name, batch in ((batch.batch, batch) for batch in batches)
        ),
        refusals=tuple(entry.at for entry in standing_refusals(entries)),
        meetings=(*(_meeting(*pair) for pair in recorded), _meeting(observation, None)),
        verdicts=_verdicts(entries),
        retrainings=_retrainings(entries),
        labels=tuple(0 if file.batch in held else file.rows for file in labels),
        errors=errors,
        running=bool(find_unanswered(entries)),
        greater_is_better=greater_is_better,
    )


def _incumbent(
    champion: ChampionLineage, batches: Sequence[Arrival], labels: Sequence[Arrival]
) -> Incumbent:
    # a model is pinned to versions of both tables: what they held then, it could learn from
    arrived = sum(batch.data_version <= champion.data_version for batch in batches)
    known = -1 if champion.labels is None else champion.labels
    return Incumbent(
        model=champion.version,
        arrived=arrived,
        learned=arrived,
        rows=champion.fitted_rows,
        until=champion.fitted_until,
        reference=champion.reference,
        labels=sum(file.data_version <= known for file in labels),
        without=frozenset(champion.without),
    )


def observations(entries: Sequence[Entry]) -> tuple[Observation, ...]:
    """Return what was observed of each decided batch, in the order of the decisions."""
    return tuple(observation for observation, _ in _recorded(entries))


def read_observation(decision: Entry) -> Observation | None:
    """Return what a decision's entry says was observed; None where nothing could be."""
    content = decision.figures.get("observation")
    return None if content is None else Observation.from_dict(content)


def _recorded(entries: Sequence[Entry]) -> list[tuple[Observation, datetime]]:
    gone = removed_batches(entries)
    decisions = (entry for entry in entries if entry.kind == "decision")
    # Of a batch that was taken out nothing counts: not what was seen of it, nor its errors.
    decisions = (entry for entry in decisions if entry.figures.get("batch") not in gone)
    pairs = ((read_observation(entry), entry.at) for entry in decisions)
    return [(seen, at) for seen, at in pairs if seen is not None]


def _retrainings(entries: Sequence[Entry]) -> tuple[datetime, ...]:
    decisions = [entry.figures["decision"] for entry in entries if entry.kind == "decision"]
    return tuple(
        datetime.fromisoformat(decision["at"]) for decision in decisions if is_retraining(decision)
    )


def _meeting(observation: Observation, recorded: datetime | None) -> Meeting:
    drift = observation.drift
    return Meeting(
        model=observation.version,
        last=_last(observation, recorded),
        late=observation.late,
        live=observation.live,
        estimated=observation.estimated,
        drift=None if drift is None else drift_figure(drift),
        gain=observation.gain,
        suspicions=observation.suspicions,
    )


def _last(observation: Observation, recorded: datetime | None) -> datetime | None:
    if observation.clock is None:
        return None
    try:
        moment = datetime.fromisoformat(observation.clock)
    except ValueError:  # NumPy writes years after 9999, which datetime does not read
        return None
    # 0.1.0 took a row's date for the clock even where it lay after the batch had come
    bound = None if recorded is None else recorded.astimezone(UTC).replace(tzinfo=None)
    return moment if bound is None or moment <= bound else None


def _verdicts(entries: Sequence[Entry]) -> tuple[GateGain, ...]:
    return tuple(
        GateGain(entry.version, _gain(entry.figures), _cpu_seconds(entry.figures))
        for entry in entries
        if entry.kind == "verdict" and entry.version is not None
    )


def _gain(figures: Mapping[str, Any]) -> float | None:
    # in the unit of `realised_gain`, which the gate records beside its gain
    gain = figures.get("gain")
    return None if gain is None else float(gain) / float(figures.get("gain_unit") or 1.0)


def _cpu_seconds(figures: Mapping[str, Any]) -> float | None:
    seconds = (figures.get("cost") or {}).get("cpu_seconds")
    return None if seconds is None else float(seconds)
