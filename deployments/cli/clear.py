"""The command `clear`: a person has looked at a suspicious batch."""

from __future__ import annotations

import click

from deployments.cli.output import reporting, show
from deployments.cli.versions import person
from deployments.session import open_session
from tasks.ledger.suspicion import clearance


@click.command()
@click.argument("name")
@click.argument("batch")
@click.option("--why", default="cleared by hand", show_default=True, help="The reason, recorded.")
@reporting
def clear(name: str, batch: str, why: str, as_json: bool) -> None:
    """Let trainings learn from BATCH, which was held back as suspicious.

    BATCH is its id, the beginning of it, or the name of its file. Exit 3 when no such batch is
    held back.
    """
    ledger = open_session(name).ledger
    entry = clearance(ledger.entries(), name, batch, person(), why)
    ledger.append(entry)
    show(entry.to_dict(), as_json, lambda: entry.summary)
