"""`perennial prune`: what nothing needs any more goes."""

from __future__ import annotations

from typing import Any

import click

from deployments.cli.output import complete_pipeline, reporting, show, table
from deployments.local.connection import connect
from tasks.config import find_pipeline
from tasks.quantities import say_bytes
from tasks.settings import Settings, home_folder, pipelines_folder

HEAD = ("pipeline", "place", "files", "after", "bytes", "after", "")


@reporting
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_pipeline)
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would go.")
def prune(names: tuple[str, ...], dry_run: bool, as_json: bool) -> int:
    """Make few files of many, and remove what no model, decision or run needs; of all pipelines.

    How long is kept what is the pipeline file's: `storage`. Exit 3 where another run is at it.
    """
    for name in names:
        find_pipeline(name, pipelines_folder())
    connect(home_folder())
    from tasks.maintenance.every import BUSY, prune_every

    document = prune_every(Settings.from_environment(), names, dry=dry_run)
    show(document, as_json, lambda: tell_pruned(document))
    reasons = [failed["reason"] for failed in document["failed"]]
    return 0 if not reasons else 3 if {*reasons} == {BUSY} else 1


def tell_pruned(document: dict[str, Any]) -> str:
    """Return a line a place."""
    rows = [
        _row(told["pipeline"], place) for told in document["pipelines"] for place in told["places"]
    ]
    if document["results"] is not None:
        rows.append(_row("all", document["results"]))
    failed = [f"{told['pipeline']}: {told['reason']}" for told in document["failed"]]
    ending = ["Nothing was changed."] if document["dry_run"] else []
    return "\n".join([*([table(HEAD, rows)] if rows else []), *failed, *ending])


def _row(pipeline: str, place: dict[str, Any]) -> tuple[str, ...]:
    files, after = f"{place['files']:,}", f"{place['files_after']:,}"
    size, left = say_bytes(place["size"]), say_bytes(place["size_after"])
    return pipeline, place["place"], files, after, size, left, place["why"]
