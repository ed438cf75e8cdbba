"""The contract of a pipeline's batches, and accepting a change of it."""

from __future__ import annotations

import click

from deployments.cli.output import about_pipeline, say, show, table
from deployments.cli.versions import person
from deployments.cli.ways_out import judge_anew
from deployments.session import open_session
from tasks.ingestion.schema import Contract, accept_changes, read_contract
from tasks.records import plain


@about_pipeline
@click.option("--accept", metavar="BATCH", help="Accept the schema of a refused batch.")
@click.option(
    "--class",
    "classes",
    metavar="NUMBER",
    type=int,
    multiple=True,
    help="Accept a class that is not shown, as it reads like data of a person; several times.",
)
def schema(name: str, accept: str | None, classes: tuple[int, ...], as_json: bool) -> int:
    """Show the columns and classes that batches are held to, and what waits to be accepted.

    BATCH is its id, the beginning of it, or the name of its file. It is judged anew at once. Exit
    3 when it is refused for something else, or no such batch waits.
    """
    workspace = open_session(name)
    if accept is None:
        contract = read_contract(workspace)
        show(plain(contract), as_json, lambda: contract_page(name, contract))
        return 0
    refused, entry = accept_changes(workspace, accept, person(), classes)
    say(f"Accepted: {entry.summary}.")
    return judge_anew(workspace, refused, as_json=as_json)


def contract_page(name: str, contract: Contract) -> str:
    """Return the contract as a person reads it.

    >>> from tasks.validation.changes import SchemaChanges
    >>> contract = Contract({"id": "string"}, ("promo",), (), SchemaChanges(), ())
    >>> print(contract_page("bikes", contract))
    column  kind
    id      string
    promo   open: no value came so far
    Nothing waits.
    """
    rows = [[column, kind] for column, kind in contract.columns.items()]
    rows += [[column, "open: no value came so far"] for column in contract.open]
    lines = [table(["column", "kind"], rows)] if rows else ["The first batch settles the columns."]
    if contract.classes:
        lines.append(f"Classes: {', '.join(contract.classes)}")
    lines += [f"Accepted: {sentence}." for sentence in contract.accepted.sentences]
    for waiting in contract.waiting:
        lines.append(f"{waiting.object.rpartition('/')[2]} waits:")
        lines += [f"  {sentence}." for sentence in waiting.changes.sentences]
        lines.append(f"  Accept with `perennial schema {name} --accept {waiting.batch[:12]}`.")
    return "\n".join([*lines, *([] if contract.waiting else ["Nothing waits."])])
