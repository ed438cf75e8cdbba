"""Where a pipeline stands, read from its bucket: for `status`, and for the chain of `doctor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tasks.collection.progress import SourceProgress, read_progress
from tasks.collection.trouble import CollectTrouble, find_trouble
from tasks.data.standing import scan_standing
from tasks.data.table_errors import translate_errors
from tasks.errors import IntegrityError
from tasks.ingestion.entrance import KINDS, Entrance, find_pending
from tasks.ingestion.retry import RefusedBatch, find_refused
from tasks.ingestion.trouble import Troubles, find_troubles
from tasks.ledger.entry import Entry
from tasks.ledger.suspicion import held_back
from tasks.monitoring.answers import FAILED
from tasks.monitoring.arrivals import Arrival, find_arrivals, find_unanswered, find_undecided
from tasks.monitoring.past import observations
from tasks.policy.reading import count_text
from tasks.policy.situation import MetricValue
from tasks.promotion import pointer
from tasks.promotion.deciding import entries_to_decide_by
from tasks.promotion.gate import Verdict
from tasks.promotion.pointer import Champion
from tasks.promotion.waiting import waiting_versions
from tasks.reconciliation.attempts import Attempts, read_attempts, tell_attempts
from tasks.records import read
from tasks.store.bucket import ObjectInfo
from tasks.workspace import Place, Workspace

ENDS = ("verdict", "answer")  # how a training ends in the ledger
JUST_NOW = "just now"


@dataclass(frozen=True)
class Standing:
    """What lies in a pipeline's bucket, waits there, and was last said.

    Attributes:
        arrived: the batches and files of labels that were taken in, table by table, oldest first.
        pending: the objects that wait, by kind; `troubles` are those that failed before.
        refused: what lies in quarantine and was not let in since.
        held: batches that no training learns from until a person clears them.
        undecided: accepted batches that nothing was decided on yet.
        champion: in service; `live` is its newest figure on labelled rows, None before one, and
            `warnings` what it was let through with as a first model.
        waiting: versions that await a person's approval.
        asked: a decision to retrain that no training has answered yet.
        collected: how far its source was collected, None where it never was; `uncollected` is why
            the newest try failed.
        ended: the newest training's verdict, or how it failed; None before the first.
        given_up: what the reconciler started in vain and starts no more.
        broken: why nothing is decided by its ledger; empty where that holds.
    """

    pipeline: str
    arrived: tuple[Arrival, ...] = ()
    pending: Mapping[str, tuple[ObjectInfo, ...]] = field(default_factory=dict)
    troubles: Mapping[str, Troubles] = field(default_factory=dict)
    refused: tuple[RefusedBatch, ...] = ()
    held: tuple[str, ...] = ()
    undecided: tuple[Arrival, ...] = ()
    champion: Champion | None = None
    live: MetricValue | None = None
    warnings: tuple[str, ...] = ()
    waiting: tuple[int, ...] = ()
    asked: Entry | None = None
    ended: Entry | None = None
    collected: SourceProgress | None = None
    uncollected: CollectTrouble | None = None
    given_up: tuple[Attempts, ...] = ()
    broken: str = ""

    @property
    def batches(self) -> tuple[Arrival, ...]:
        """The batches of rows that were taken in."""
        return tuple(arrival for arrival in self.arrived if not arrival.labels)

    @property
    def failed(self) -> Entry | None:
        """The newest training, where it failed; a verdict of another one ends it."""
        ended = self.ended
        return ended if ended is not None and ended.id.startswith(FAILED) else None

    @property
    def waits(self) -> tuple[str, ...]:
        """What waits, and for whom, a few words each."""
        blocked = sum(troubles.blocked for troubles in self.troubles.values())
        pending = sum(map(len, self.pending.values())) - blocked
        counted = (
            (pending, "file to come in", "files to come in"),
            (blocked, "file that the pipeline blocks", "files that the pipeline blocks"),
            (len(self.refused), "in quarantine", "in quarantine"),
            (len(self.held), "suspicious", "suspicious"),
            (len(self.undecided), "batch to decide on", "batches to decide on"),
        )
        told = [count_text(*words) for words in counted if words[0] > 0]
        told += [f"version {version} awaits approval" for version in self.waiting]
        if self.uncollected is not None and self.uncollected.waits:
            told.append("a source to mend")
        told += ["a training"] if self.asked is not None else []
        told += [f"a person: {self.broken}"] if self.broken else []
        told += [f"a person: {self.failed.summary}"] if self.failed is not None else []
        return (*told, *(f"a person: {tell_attempts(attempts)}" for attempts in self.given_up))


def read_standing(place: Place) -> Standing:
    """Return where a pipeline stands, from its bucket alone.

    Raises:
        PerennialError: something in it cannot be read.
    """
    entries = place.ledger.entries()
    arrived, found = find_arrivals(place), pointer.read(place)
    if found is not None:
        pointer.refuse_older(place, found[0], entries)
    entrances = {kind: Entrance(kind, place.layout) for kind in KINDS}
    champion = None if found is None else found[0]
    asked, collected = find_unanswered(entries), read_progress(place)
    return Standing(
        pipeline=place.name,
        arrived=arrived,
        pending={kind: find_pending(place, entrance) for kind, entrance in entrances.items()},
        troubles={kind: find_troubles(place, entrance) for kind, entrance in entrances.items()},
        refused=find_refused(place),
        held=held_back(entries),
        undecided=find_undecided(arrived, entries),
        champion=champion,
        live=None if champion is None else latest_live(entries, champion.version),
        warnings=() if champion is None else find_warnings(entries, champion.version),
        waiting=waiting_versions(entries),
        asked=asked[-1] if asked else None,
        collected=None if collected is None else collected[0],
        uncollected=find_trouble(place),
        ended=next((entry for entry in reversed(entries) if entry.kind in ENDS), None),
        # once its decision is answered, a training is given up no more: it is told as failed
        given_up=tuple(
            attempts
            for attempts in read_attempts(place).values()
            if attempts.over and (asked or attempts.flow != "train")
        ),
        broken=tell_broken(place),
    )


def tell_broken(place: Place) -> str:
    """Return why nothing is decided by a pipeline's ledger; nothing where it holds."""
    try:
        entries_to_decide_by(place)
    except IntegrityError as error:
        return str(error)
    return ""


def latest_live(entries: Sequence[Entry], version: int) -> MetricValue | None:
    """Return the newest figure of this version that labels told; None without one."""
    seen = [seen.live for seen in observations(entries) if seen.version == version]
    return next((live for live in reversed(seen) if live is not None and live.known), None)


def find_warnings(entries: Sequence[Entry], version: int) -> tuple[str, ...]:
    """Return what the gate only warned of when it let this version through."""
    told = [e.figures for e in entries if e.kind == "verdict" and e.version == version]
    if not told or "verdict" not in told[-1]:
        return ()
    return read(Verdict, told[-1]["verdict"], "verdict").warnings


def count_labelled(workspace: Workspace) -> int:
    """Return how many rows that stand have a target of their own, and labels that came later."""
    import polars as pl

    later = sum(arrival.rows for arrival in find_arrivals(workspace) if arrival.labels)
    target = workspace.pipeline.target
    table = workspace.curated
    columns = table.schema()
    if columns is None or target not in columns.names:
        return later
    with translate_errors(table.uri):
        rows = scan_standing(table, workspace.pipeline.key)
        own = rows.select(pl.col(target).is_not_null().sum()).collect().item()
    return int(own) + later


def tell_age(since: datetime, now: datetime) -> str:
    """Say how long ago something was, in the largest unit.

    >>> noon = datetime(2026, 1, 10, 12)
    >>> [tell_age(datetime(2026, 1, day, 9), noon) for day in (1, 10)]
    ['9 days', '3 hours']
    """
    seconds = max((now - since).total_seconds(), 0)
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(seconds // size)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return JUST_NOW
