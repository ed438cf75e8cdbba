"""Refused objects that a person asks to judge anew, by today's contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tasks.errors import NotFound, Refused
from tasks.ingestion.entrance import (
    BATCH,
    KINDS,
    Entrance,
    Kind,
    read_document,
    read_receipt,
)
from tasks.ingestion.quarantine import REPORT
from tasks.ledger.reversal import ask_for_batch, names_batch, show_batch, standing_refusals
from tasks.store.scratch import scratch
from tasks.workspace import Place, Workspace

SHOWN = 5


@dataclass(frozen=True)
class RefusedBatch:
    """An object that lies in quarantine: its id, the key it arrived under, and why.

    `acceptable`: a person may accept what is wrong with it. `suite` is the module of the
    expectations that it does not meet, empty where it is refused for something else.
    """

    kind: Kind
    batch: str
    object: str
    reasons: tuple[str, ...]
    acceptable: bool = False
    suite: str = ""


def find_refused(place: Place) -> tuple[RefusedBatch, ...]:
    """Return what was refused and not let in since, rows first, by id.

    The quarantine tells it, and for rows the ledger too: a retry that died behind its landing has
    cleared the one and not yet written the other.
    """
    found = {(refused.kind, refused.batch): refused for refused in _in_quarantine(place)}
    for entry in standing_refusals(place.ledger.entries()):
        told = entry.figures
        reasons = tuple(told.get("reasons", ()))
        refused = RefusedBatch("rows", told["batch"], told["object"], reasons)
        found.setdefault(("rows", refused.batch), refused)
    return tuple(refused for _, refused in sorted(found.items(), key=lambda item: item[0][::-1]))


def pick_refused(place: Place, name: str) -> RefusedBatch:
    """Return the refused batch that a person means.

    Raises:
        Refused: no batch of that name lies in quarantine, or several do.
    """
    known = find_refused(place)
    fits = [refused for refused in known if names_batch(name, refused.batch, refused.object)]
    if len(fits) == 1:
        return fits[0]
    listed = [show_batch(refused.batch, refused.object) for refused in known]
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    asked = ask_for_batch(name, [(refused.batch, refused.object) for refused in known])
    remedy = f"There: {', '.join(listed[:SHOWN])}{more}." if listed else "Nothing is refused."
    remedy = f"{asked} {remedy}".strip()
    rule = f"{len(fits)} batches in quarantine are named {name}"
    raise Refused(f"pipeline {place.name}", rule, remedy=remedy)


def call_back(workspace: Workspace, refused: RefusedBatch) -> str:
    """Let the object wait as one that was never tried, and return its key.

    Its bytes are brought back from the quarantine where they lie at their key no more.

    Raises:
        NotFound: they lie in neither place.
    """
    bucket, entrance = workspace.bucket, Entrance(refused.kind, workspace.layout)
    key = refused.object
    info = bucket.head(key)
    # Set aside unread, it bears the name of its arrival: the receipt tells that it is this one.
    same = info is not None and read_receipt(bucket, entrance, info) == refused.batch
    if info is None or not same:
        copy = find_object(workspace, refused)
        key = f"{entrance.incoming}{refused.batch[:12]}/{copy.rpartition('/')[2]}"
        with scratch(workspace.home) as folder:
            bucket.download(copy, folder / "object")
            info = bucket.upload(folder / "object", key)
    # Three tries again: what failed by itself may do so no more.
    bucket.delete(entrance.tries(info))
    return key


def find_object(place: Place, refused: RefusedBatch) -> str:
    """Return the key of a refused object in quarantine.

    Raises:
        NotFound: it lies there no more.
    """
    kept = Entrance(refused.kind, place.layout).quarantine(refused.batch)
    copies = [copy.key for copy in place.bucket.list(kept) if copy.key != kept + REPORT]
    if not copies:
        remedy = "Send the file again."
        raise NotFound(refused.batch[:12], "its bytes lie here no more", remedy=remedy)
    return copies[0]


def _in_quarantine(place: Place) -> Iterator[RefusedBatch]:
    for kind in KINDS:
        # The folder of any batch, without its id: what is common to all of them.
        prefix = Entrance(kind, place.layout).quarantine("").removesuffix("/")
        for info in place.bucket.list(prefix):
            batch, _, name = info.key.removeprefix(prefix).partition("/")
            if name != REPORT or not BATCH.fullmatch(batch):
                continue
            told = read_document(place.bucket, "validation report", info.key)
            if told:
                yield _read_refused(kind, batch, told)


def _read_refused(kind: Kind, batch: str, told: dict[str, Any]) -> RefusedBatch:
    return RefusedBatch(
        kind,
        batch,
        str(told.get("object", "")),
        tuple(told.get("reasons", ())),
        # one of a release before schema changes has none
        acceptable=any((told.get("changes") or {}).values()),
        suite=str(told.get("suite", "")) if _unmet(told) else "",
    )


def _unmet(told: dict[str, Any]) -> bool:
    checks = told.get("checks", ())
    return any(not check["passed"] and check.get("severity") == "critical" for check in checks)
