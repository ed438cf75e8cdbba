"""The chain from a file that arrives to a model that is watched, and the first link that is broken.

Pure. What servers say (deployments, serving) is asked by the command, and stands among these links.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from tasks.dataset.dataset import FEWEST
from tasks.ingestion.retry import RefusedBatch
from tasks.policy.reading import count_text
from tasks.readers.problem import FEW
from tasks.reconciliation.attempts import tell_attempts
from tasks.reconciliation.standing import JUST_NOW, Standing, tell_age

State = Literal["ok", "note", "wrong"]
# What an event or the reconciler's minute sees to by itself is not wrong before that. Either way,
# for a store whose clock is ahead must not hide what waits.
PATIENCE = timedelta(minutes=3)


@dataclass(frozen=True)
class ChainLink:
    """One link: how it is, what was found, and the command or key that mends it."""

    name: str
    state: State
    found: str
    remedy: str = ""


def first_fault(links: Iterable[ChainLink]) -> ChainLink | None:
    """Return the first link that is wrong; what is behind it may be so by its fault alone."""
    return next((link for link in links if link.state == "wrong"), None)


def look_at_source(standing: Standing, now: datetime) -> ChainLink:
    """Say when the source was collected, and why it was not."""
    name, trouble, collected = standing.pipeline, standing.uncollected, standing.collected
    looked = None if collected is None else collected.looked
    told = "never collected" if looked is None else f"collected {_tell_when(looked, now)}"
    if trouble is None:
        if looked is None:
            remedy = f"`perennial collect {name}`, or wait for source.collect.schedule."
            return ChainLink("source", "note", told, remedy)
        rows = (
            f", {count_text(collected.rows, 'row', 'rows')} so far"
            if collected and collected.rows
            else ""
        )
        return ChainLink("source", "ok", told + rows)
    times = "once" if trouble.tries == 1 else f"{trouble.tries} times"
    found = f"{told}, and then it failed {times}: {trouble.reason}"
    if trouble.blocked:
        return ChainLink("source", "wrong", found, f"Mend that, then `perennial collect {name}`.")
    return ChainLink("source", "note", found, "It is tried again at the next time.")


def look_at_incoming(standing: Standing, now: datetime) -> ChainLink:
    """Say whether files wait that nobody takes in."""
    for kind, command in (("rows", "ingest"), ("labels", "label")):
        troubles = standing.troubles[kind]
        if troubles.blocked:
            blocked = count_text(troubles.blocked, f"file of {kind} is", f"files of {kind} are")
            found = f"{blocked} blocked: {troubles.reason}"
            remedy = f"Mend that, then `perennial {command} {standing.pipeline}`."
            return ChainLink("incoming", "wrong", found, remedy)
        late = [info for info in standing.pending[kind] if abs(now - info.modified) > PATIENCE]
        if late:
            waits = count_text(len(late), f"file of {kind} waits", f"files of {kind} wait")
            found = f"{waits}, the first {late[0].key.rpartition('/')[2]}"
            remedy = f"`perennial {command} {standing.pipeline}`"
            return ChainLink("incoming", "wrong", found, remedy)
    count = sum(map(len, standing.pending.values()))
    return ChainLink(
        "incoming",
        "ok",
        count_text(count, "file waits", "files wait") if count else "nothing waits",
    )


def look_at_quarantine(standing: Standing) -> ChainLink:
    """Say what was refused; it breaks the chain where nothing else came in."""
    if not standing.refused:
        return ChainLink("quarantine", "ok", "empty")
    told, others = standing.refused[-1], standing.refused[:-1]
    names = [refused.object.rpartition("/")[2] for refused in (told, *others)]
    why = "; ".join(told.reasons) or "no reason is kept"
    found = f"{len(names)} refused: {names[0]}: {why}"
    if others:
        more = f" and {len(names) - 1 - FEW} more" if len(names) - 1 > FEW else ""
        found = f"{found.rstrip('.')}. Beside it: {', '.join(names[1 : FEW + 1])}{more}."
    remedy = _mend(standing.pipeline, told)
    return ChainLink("quarantine", "note" if standing.batches else "wrong", found, remedy)


def _mend(pipeline: str, refused: RefusedBatch) -> str:
    batch = refused.batch[:12]
    if refused.acceptable:
        return f"Send a mended file, or `perennial schema {pipeline} --accept {batch}`."
    rules = f"{refused.suite.replace('.', '/')}.py" if refused.suite else f"{pipeline}.yaml"
    return f"Send a mended file, or mend {rules} and `perennial retry {pipeline} {batch}`."


def look_at_curated(standing: Standing, now: datetime) -> ChainLink:
    """Say what came in."""
    rows = sum(arrival.rows for arrival in standing.batches)
    if not standing.batches:
        remedy = f"`perennial ingest {standing.pipeline} FILE`"
        return ChainLink("curated", "wrong", "no batch was accepted", remedy)
    days = (now - standing.batches[-1].at).days
    came = count_text(len(standing.batches), "batch", "batches")
    age = count_text(days, "day", "days")
    found = f"{count_text(rows, 'row', 'rows')} of {came}, the newest {age} old"
    return ChainLink("curated", "ok", found)


def look_at_labels(standing: Standing, labelled: int, *, delayed: bool) -> ChainLink:
    """Say whether enough rows have a target; `labelled` counts those that do."""
    files = sum(arrival.labels for arrival in standing.arrived)
    came = f", {count_text(files, 'file', 'files')} of labels came" if files else ""
    found = f"{count_text(labelled, 'row has', 'rows have')} a target{came}"
    if labelled >= FEWEST:
        return ChainLink("labels", "ok", found)
    name = standing.pipeline
    remedy = f"`perennial label {name} FILE`" if delayed else f"`perennial ingest {name} FILE`"
    if not delayed:
        remedy += ", or set monitoring.labels: delayed where they come later."
    return ChainLink("labels", "wrong", f"{found}; a training takes {FEWEST}", remedy)


def look_at_champion(standing: Standing, unreadable: Iterable[str]) -> ChainLink:
    """Say whether a model is in service, and if none is, why."""
    name, champion, broken = standing.pipeline, standing.champion, " ".join(unreadable)
    if broken:
        return ChainLink("champion", "wrong", broken, "Do what is said there.")
    if champion is not None:
        live = standing.live
        figure = "" if live is None else f", live {live.metric} {live.value:.3f}"
        return ChainLink("champion", "ok", f"version {champion.version}{figure}")
    if standing.waiting:
        version = standing.waiting[-1]
        remedy = f"`perennial promote {name} {version}` or `perennial reject {name} {version}`"
        return ChainLink("champion", "wrong", f"version {version} awaits approval", remedy)
    train, ended = f"`perennial train {name}`", standing.ended
    if standing.asked is not None:
        return ChainLink("champion", "note", "a training is decided on", train)
    if ended is None:
        return ChainLink("champion", "wrong", "nothing was trained yet", train)
    remedy = f"Mend that, then {train}."
    if ended.kind == "verdict" and ended.version is not None:
        remedy = (
            f"More rows, another limit under `gate:` in {name}.yaml, or "
            f"`perennial promote {name} {ended.version} --override WHY`"
        )
    return ChainLink("champion", "wrong", ended.summary, remedy)


def look_at_monitoring(standing: Standing, now: datetime) -> ChainLink:
    """Say whether each batch was decided on, and what a person has to look at."""
    name = standing.pipeline
    late = [arrival for arrival in standing.undecided if abs(now - arrival.at) > PATIENCE]
    if late:
        found = count_text(len(late), "batch is not decided on", "batches are not decided on")
        return ChainLink("monitoring", "wrong", found, f"`perennial monitor {name}`")
    if standing.held:
        batch = standing.held[0][:12]
        remedy = f"`perennial clear {name} {batch}` or `perennial remove {name} {batch}`"
        held = count_text(len(standing.held), "batch", "batches")
        return ChainLink("monitoring", "note", f"{held} held back", remedy)
    arrived = count_text(len(standing.arrived), "arrival", "arrivals")
    return ChainLink("monitoring", "ok", f"{arrived} decided on")


def look_at_runs(standing: Standing) -> Iterator[ChainLink]:
    """Say which flow was started in vain, and is not any more; and that a training failed."""
    if standing.failed is not None:
        remedy = f"Mend that, then `perennial train {standing.pipeline}`"
        yield ChainLink("runs", "wrong", standing.failed.summary, remedy)
    for attempts in standing.given_up:
        remedy = (
            f"See the run's log, mend that, then `perennial {attempts.flow} {standing.pipeline}`"
        )
        yield ChainLink("runs", "wrong", tell_attempts(attempts), remedy)


def follow_chain(
    standing: Standing,
    now: datetime,
    labelled: int,
    unreadable: Iterable[str],
    *,
    delayed: bool,
    collects: bool = False,
) -> tuple[ChainLink, ...]:
    """Return the links that the bucket tells, in the order of the data."""
    return (
        *([look_at_source(standing, now)] if collects else []),
        look_at_incoming(standing, now),
        look_at_quarantine(standing),
        look_at_curated(standing, now),
        look_at_labels(standing, labelled, delayed=delayed),
        look_at_champion(standing, unreadable),
        look_at_monitoring(standing, now),
        *look_at_runs(standing),
    )


def _tell_when(since: datetime, now: datetime) -> str:
    age = tell_age(since, now)
    return age if age == JUST_NOW else f"{age} ago"


def to_rows(links: Iterable[ChainLink]) -> list[list[Any]]:
    """Return a line a link, for a table; what is well needs no remedy."""
    marks = {"ok": "ok", "note": "look", "wrong": "FAIL"}
    return [[marks[link.state], link.name, link.found, link.remedy] for link in links]
