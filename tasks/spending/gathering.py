"""Gathers what a pipeline spent, from where each run left its figures.

Trainings and decisions tell it in the ledger, objects that were taken in by their receipts, and
other runs in documents of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from tasks.errors import IntegrityError, NotFound
from tasks.ingestion.entrance import KINDS as ENTRANCES
from tasks.ingestion.entrance import READING, TRIED, Entrance, read_document
from tasks.ledger.entry import Entry
from tasks.metering import Cost, sum_costs
from tasks.records import read
from tasks.spending.bill import MeasuredRun, Spending, purchase
from tasks.store.bucket import ObjectInfo
from tasks.store.costs import read_cost
from tasks.workspace import Place

AT_ONCE = 16  # objects that are read at once
RECORDED = {"verdict": "training", "decision": "decision"}


def gather_spending(place: Place, since: datetime | None = None) -> Spending:
    """Return what was spent since then, by this machine's clock; without it, ever."""
    objects = list(place.bucket.list(f"{place.name}/"))
    entries = [entry for entry in place.ledger.entries() if since is None or entry.at >= since]
    recorded = [(entry, recorded_cost(entry)) for entry in entries if entry.kind in RECORDED]
    bought = (purchase(entry, cost) for entry, cost in recorded if entry.kind == "verdict")
    young = [info for info in objects if since is None or info.modified >= since]
    runs = [MeasuredRun(RECORDED[entry.kind], entry.at, cost) for entry, cost in recorded]
    runs += _taken_in(place, young)
    runs += _kept(place, young)
    return Spending(
        place.name,
        tuple(sorted(runs, key=lambda run: run.at)),
        tuple(made for made in bought if made is not None),
        count_stored(place.name, objects),
    )


def recorded_cost(entry: Entry) -> Cost | None:
    """Return what an entry of the ledger says of its run; None where it says nothing.

    >>> from datetime import UTC
    >>> figures = {"cost": {"cpu_seconds": 60, "peak_mib": 500, "watt_hours": 0.2}}
    >>> now = datetime(2013, 5, 1, tzinfo=UTC)
    >>> recorded_cost(Entry("1", now, "flights", "verdict", 1, "train", "", figures)).cpu_seconds
    60.0
    """
    names = ("cost", "cost_beside")
    told = (_cost(entry.figures.get(name), f"ledger entry {entry.id}") for name in names)
    known = [cost for cost in told if cost is not None]
    return sum_costs(known) if known else None


def count_stored(pipeline: str, objects: Iterable[ObjectInfo]) -> dict[str, int]:
    """Return how many bytes each folder of a pipeline holds, the largest first.

    >>> from datetime import UTC
    >>> now = datetime(2013, 5, 1, tzinfo=UTC)
    >>> count_stored("toy", [ObjectInfo(f"toy/ledger/{n}", 2, "", now) for n in range(2)])
    {'ledger': 4}
    """
    sizes: dict[str, int] = {}
    for info in objects:
        folder = info.key.removeprefix(f"{pipeline}/").partition("/")[0]
        sizes[folder] = sizes.get(folder, 0) + info.size
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def _taken_in(place: Place, objects: Sequence[ObjectInfo]) -> list[MeasuredRun]:
    runs: list[MeasuredRun] = []
    for kind in ENTRANCES:
        entrance = Entrance(kind, place.layout)
        receipts = [
            info
            for info in objects
            if info.key.startswith(entrance.receipts) and not info.key.endswith((TRIED, READING))
        ]
        told = _read_all(receipts, lambda key: read_document(place.bucket, "receipt", key))
        runs += [
            MeasuredRun(entrance.flow, info.modified, _cost(document.get("cost"), info.key))
            for info, document in told
        ]
    return runs


def _kept(place: Place, objects: Sequence[ObjectInfo]) -> list[MeasuredRun]:
    def told(key: str) -> Mapping[str, Any]:
        # of a newer release, or gone meanwhile: a figure less
        try:
            return read_cost(place.bucket, key)
        except (IntegrityError, NotFound):
            return {}

    kept = [info for info in objects if info.key.startswith(place.layout.costs)]
    return [
        MeasuredRun(
            str(document.get("kind", "unknown")), info.modified, _cost(document.get("cost"), "")
        )
        for info, document in _read_all(kept, told)
    ]


def _read_all(
    objects: Sequence[ObjectInfo], told: Callable[[str], Mapping[str, Any]]
) -> list[tuple[ObjectInfo, Mapping[str, Any]]]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(zip(objects, pool.map(told, [info.key for info in objects]), strict=True))


def _cost(content: Any, where: str) -> Cost | None:
    try:
        return None if content is None else read(Cost, content, where)
    except IntegrityError:
        return None
