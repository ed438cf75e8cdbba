"""Commands for the local stack: up, down, status, doctor."""

from __future__ import annotations

import click

from deployments.cli.output import reporting, say, show, table
from deployments.local import stack as local
from tasks.settings import home_folder


@click.command()
@click.option("--port-offset", type=click.IntRange(0, 46_185), help="Shift every port by this.")
@reporting
def up(port_offset: int | None, as_json: bool) -> int:
    """Start the local stack, or heal what is missing of it."""
    state = local.up(home_folder(), port_offset, say)
    show(state.to_dict(), as_json, lambda: _lines(state))
    return 0 if state.green else 1


@click.command()
@reporting
def down(as_json: bool) -> None:
    """Stop every process of the local stack; its state stays."""
    local.down(home_folder(), say)
    show({"stopped": True}, as_json, lambda: "Stopped.")


@click.command()
@reporting
def status(as_json: bool) -> int:
    """Show each process of the local stack; exit 1 when one is not up."""
    state = local.status(home_folder())
    show(state.to_dict(), as_json, lambda: _lines(state))
    return 0 if state.green else 1


@click.command()
@reporting
def doctor(as_json: bool) -> int:
    """Check versions, ports, disk, clock, storage and servers, and say what to mend."""
    checks = local.doctor(home_folder())
    document = {"checks": [check.to_dict() for check in checks]}
    rows = [
        ["ok" if check.passed else "FAIL", check.name, check.detail, check.remedy]
        for check in checks
    ]
    show(document, as_json, lambda: table(["", "check", "found", "what to do"], rows))
    return 0 if all(check.passed for check in checks) else 1


def _lines(state: local.StackStatus) -> str:
    rows = [[p.name, p.state, p.pid, p.address, p.restarts] for p in state.programs]
    return table(["process", "state", "pid", "address", "restarts"], rows)
