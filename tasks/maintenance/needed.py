"""What is still needed of a pipeline: by whom is in service or was, a ledger's line, a run. Pure.

A decision names the version of the table that brought its batch. Nothing reads that version: the
batch's rows are found in the newest one, by its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tasks.ledger.entry import Entry
from tasks.promotion.pointer import Champion
from tasks.promotion.waiting import waiting_versions


@dataclass(frozen=True)
class PinnedData:
    """The versions of the rows and of the labels that something was made from."""

    data: int | None = None
    labels: int | None = None


@dataclass(frozen=True)
class Needed:
    """What has to stay.

    `models` are versions that stay whole, `data` and `labels` versions of the two tables whose rows
    can be read again; `exactly` are versions that a scoring counts through file by file, of
    whichever table.
    """

    models: frozenset[int]
    data: frozenset[int]
    labels: frozenset[int]
    exactly: frozenset[int] = frozenset()


def find_needed(
    models: Mapping[int, PinnedData],
    entries: Iterable[Entry],
    champion: Champion | None,
    trial: int | None,
    backtests: Iterable[PinnedData],
    scorings: Iterable[int],
    last: int,
) -> Needed:
    """Return what is still needed.

    Args:
        models: every published version, with what it is pinned to.
        entries: the whole ledger.
        champion, trial: what the two pointers name.
        backtests: what each report is pinned to.
        scorings: the versions that scorings under way are pinned to.
        last: how many of the newest models stay, whatever became of them.
    """
    entries = tuple(entries)
    # each version has a verdict, and one without is not judged yet: its run goes on
    judged = {entry.version for entry in entries if entry.kind == "verdict"}
    named = {entry.version for entry in entries if entry.kind != "verdict"}
    named |= {*waiting_versions(entries)}
    if champion is not None:
        named |= {champion.version, champion.replaced, *champion.history}
    kept = {
        version
        for version in models
        if version in named or version == trial or version not in judged
    } | {*sorted(models, reverse=True)[:last]}
    pinned = [*models.values(), *backtests]
    told = (entry.figures.get("data_version") for entry in entries)
    data = [*(pin.data for pin in pinned), *told]
    labels = [pin.labels for pin in pinned]
    return Needed(frozenset(kept), _whole(data), _whole(labels), _whole(scorings))


def _whole(versions: Iterable[object]) -> frozenset[int]:
    return frozenset(version for version in versions if isinstance(version, int))
