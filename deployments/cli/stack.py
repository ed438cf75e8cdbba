"""Commands for the local stack: up, down, status, doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deployments.cli.output import complete_pipeline, page_width, reporting, say, show, table
from deployments.local import stack as local
from deployments.local.connection import connect
from deployments.local.ports import MOST_OFFSET
from deployments.local.status import StackStatus
from tasks.records import plain
from tasks.settings import Settings, bucket_is_folder, home_folder, pipelines_folder
from tasks.store.room import REMEDY, Room, find_room

if TYPE_CHECKING:
    from deployments.cli.standings import PipelineLook

NO_PIPELINE = "No pipeline yet. Make one: perennial new NAME --data FILE --target COLUMN"

with_port_offset = click.option(
    "--port-offset", type=click.IntRange(0, MOST_OFFSET), help="Shift every port by this."
)


@reporting
@with_port_offset
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
@click.argument("name", required=False, shell_complete=complete_pipeline)
@click.option("--logins", is_flag=True, help="Say how the pages are opened, passwords included.")
def status(name: str | None, logins: bool, as_json: bool) -> int:
    """Show each process of the local stack, each pipeline, and what awaits a person.

    Of a pipeline: the champion, its age, its newest figure on labelled rows, and what waits. With
    NAME, that pipeline alone. Exit 1 when a process is not up.
    """
    if name is not None:
        from tasks.config import find_pipeline

        find_pipeline(name, pipelines_folder())  # a mistyped one is told with the nearest
    home = home_folder()
    if logins:
        access = local.access(home)
        show(access.to_dict(), as_json, lambda: access.told)
        return 0
    state = None if bucket_is_folder() else local.status(home)
    looks: list[PipelineLook] = []
    room: Room | None = None
    # A stack that is not well would let each pipeline wait for its store in turn.
    if state is None or state.green:
        connect(home)
        # Here as below: `up` and `status` of a stack that is down answer without these libraries.
        from deployments.cli.standings import look_at_pipelines, open_places

        looks, room = look_at_pipelines(open_places(name)), find_room(Settings.from_environment())
    stands = [look.stand for look in looks]
    waiting = [told for look in looks for told in look.waiting]
    tried = [told for look in looks for told in look.tried]
    broken = [told for look in looks for told in look.in_trouble]
    failing = [told for look in looks for told in look.uncollected]
    document = {
        **(state.to_dict() if state else {}),
        "pipelines": stands,
        "awaiting_approval": waiting,
        "trials": tried,
        "in_trouble": broken,
        "uncollected": failing,
        "disk": None if room is None else {"used": room.used, "free": room.free},
    }
    shown = state is not None and (name is None or not state.green)
    parts = [*([_lines(state)] if state and shown else [])]
    parts += [standings_table(stands)] if stands else []
    lines = [*map(_tell_choice, [*waiting, *tried]), *map(tell_trouble, broken)]
    lines += map(tell_uncollected, failing)
    lines += state.strangers if state else ()
    lines += [f"{room}. {REMEDY}"] if room is not None and room.scarce else []
    # a folder without a pipeline has nothing to show, and an empty page says nothing
    parts = parts or [NO_PIPELINE]
    show(document, as_json, lambda: "\n".join(["\n\n".join(parts), *lines]))
    return 0 if state is None or state.green else 1


@reporting
@click.argument("name", required=False, shell_complete=complete_pipeline)
def doctor(name: str | None, as_json: bool) -> int:
    """Check versions, ports, disk, clock, storage and servers, and say what to mend.

    With NAME, walk the chain of that pipeline, from its file to the watched model, and say the
    first thing that is wrong and the command that mends it.
    """
    if name is not None:
        return _doctor_pipeline(name, as_json=as_json)
    checks = local.doctor(home_folder())
    document = {"checks": plain(checks)}
    # an error's own words end in what to do
    found = [check.detail.removesuffix(check.remedy).rstrip() for check in checks]
    rows = [
        ["ok" if check.passed else "FAIL", check.name, told, check.remedy]
        for check, told in zip(checks, found, strict=True)
    ]
    show(document, as_json, lambda: table(["", "check", "found", "what to do"], rows, page_width()))
    return 0 if all(check.passed for check in checks) else 1


def _doctor_pipeline(name: str, *, as_json: bool) -> int:
    from deployments.cli.chain import describe_chain, serving_address, tell_chain, walk_chain
    from tasks.reconciliation.chain import first_fault

    home = home_folder()
    serving = serving_address(dict(local.status(home).addresses))
    links = walk_chain(name, lambda: connect(home), serving)
    show(describe_chain(name, links), as_json, lambda: tell_chain(name, links))
    return 0 if first_fault(links) is None else 1


def standings_table(stands: list[dict[str, Any]]) -> str:
    """One line a pipeline."""
    head = ["pipeline", "champion", "age", "live", "rows", "waits"]
    rows: list[list[object]] = []
    for stand in stands:
        if "error" in stand:
            rows.append([stand["pipeline"], "", "", "", "", stand["error"]])
            continue
        live = stand["live"]
        figure = "" if live is None else f"{live['metric']} {live['value']:.3f}"
        champion = "none" if stand["champion"] is None else f"version {stand['champion']}"
        waits = ", ".join(stand["waits"]) or "nothing"
        rows.append(
            [stand["pipeline"], champion, stand["age"], figure, f"{stand['rows']:,}", waits]
        )
    warned = (
        f"{stand['pipeline']}, warning: {warning}"
        for stand in stands
        for warning in stand.get("warnings", ())
    )
    return "\n".join([table(head, rows), *warned])


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


def tell_uncollected(failing: dict[str, Any]) -> str:
    """Return in a line why a source could not be collected, and what then."""
    name, tries = failing["pipeline"], failing["tries"]
    times = "once" if tries == 1 else f"{tries} times since {failing['since'][:16]}"
    then = f" Mend that, then `perennial collect {name}`." if failing["waits"] else ""
    return f"{name}: its source could not be collected, {times}: {failing['reason']}{then}"


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
