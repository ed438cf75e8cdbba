"""Commands for the local stack: up, down, status, doctor."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.output import reporting, say, show, table
from deployments.local import stack as local
from deployments.local.status import StackStatus
from tasks.records import plain
from tasks.settings import Settings, home_folder

if TYPE_CHECKING:
    from tasks.workspace import Place


@reporting
@click.option("--port-offset", type=click.IntRange(0, 46_185), help="Shift every port by this.")
def up(port_offset: int | None, as_json: bool) -> int:
    """Start the local stack, or heal what is missing of it."""
    state = local.up(home_folder(), port_offset, say)
    show(state.to_dict(), as_json, lambda: _lines(state))
    return 0 if state.green else 1


@reporting
def down(as_json: bool) -> None:
    """Stop every process of the local stack; its state stays."""
    local.down(home_folder(), say)
    show({"stopped": True}, as_json, lambda: "Stopped.")


@reporting
def status(as_json: bool) -> int:
    """Show each process of the local stack, and what awaits a person: challengers, broken files.

    Exit 1 when a process is not up.
    """
    state = local.status(home_folder())
    places: list[Place] = []
    # A stack that is not well would let each pipeline wait for its store in turn.
    if state.green:
        local.connect(home_folder())
        places = open_places()
    waiting, tried, broken = _waiting(places), _tried(places), list_troubles(places)
    told = {"awaiting_approval": waiting, "trials": tried, "in_trouble": broken}
    document = {**state.to_dict(), **told}
    lines = [*map(_tell_choice, [*waiting, *tried]), *map(tell_trouble, broken)]
    show(document, as_json, lambda: "\n".join([_lines(state), *lines]))
    return 0 if state.green else 1


@reporting
def doctor(as_json: bool) -> int:
    """Check versions, ports, disk, clock, storage and servers, and say what to mend."""
    checks = local.doctor(home_folder())
    document = {"checks": plain(checks)}
    rows = [
        ["ok" if check.passed else "FAIL", check.name, check.detail, check.remedy]
        for check in checks
    ]
    show(document, as_json, lambda: table(["", "check", "found", "what to do"], rows))
    return 0 if all(check.passed for check in checks) else 1


def open_places() -> list[Place]:
    """Return the place of each pipeline that has a file."""
    # Here as below: `up` and `status` of a stack that is down answer without these libraries.
    from tasks.config import pipeline_names
    from tasks.workspace import open_place

    settings = Settings.from_environment()
    return [open_place(settings, name) for name in pipeline_names(settings.pipelines)]


def _waiting(places: list[Place]) -> list[dict[str, Any]]:
    from tasks.promotion.waiting import waiting_versions

    return [
        {"pipeline": place.name, "version": version}
        for place in places
        for version in waiting_versions(place.ledger.entries())
    ]


def _tried(places: list[Place]) -> list[dict[str, Any]]:
    from tasks.promotion.trials import standing

    return [
        {"pipeline": place.name, "version": trial.version, "share": trial.share,
         "mode": trial.words}
        for place in places
        if (trial := standing(place)) is not None
    ]  # fmt: skip


def list_troubles(places: list[Place]) -> list[dict[str, Any]]:
    """Return, for each pipeline and kind of object, how many failed by themselves, if any."""
    from tasks.ingestion.entrance import KINDS, Entrance
    from tasks.ingestion.trouble import Troubles, find_troubles

    return [
        {"pipeline": place.name, "kind": kind, **asdict(troubles)}
        for place in places
        for kind in KINDS
        if (troubles := find_troubles(place, Entrance(kind, place.layout))) != Troubles(0, 0)
    ]


def tell_trouble(broken: dict[str, Any]) -> str:
    """Return one trouble in a line."""
    name, kind, waiting = broken["pipeline"], broken["kind"], broken["waiting"]
    told = (
        f"{name}: of the files of {kind}, {broken['set_aside']} could not be read and lie in "
        f"quarantine, {waiting} failed and will be tried again."
    )
    if not broken["blocked"]:
        return told
    again = "ingest" if kind == "rows" else "label"
    return (
        f"{told} {broken['blocked']} wait for a person: {broken['reason']} "
        f"Then `perennial {again} {name}`."
    )


def _tell_choice(pending: dict[str, Any]) -> str:
    name, version = pending["pipeline"], pending["version"]
    state, otherwise = "awaits approval", f"reject {name} {version}"
    if "mode" in pending:
        state, otherwise = f"is tried, {pending['mode']}", f"withdraw {name}"
    return (
        f"{name} version {version} {state}: "
        f"`perennial promote {name} {version}` or `perennial {otherwise}`."
    )


def _lines(state: StackStatus) -> str:
    rows = [[p.name, p.state, p.pid, p.address, p.restarts] for p in state.programs]
    return table(["process", "state", "pid", "address", "restarts"], rows)
