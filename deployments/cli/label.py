"""The command that brings in labels which come after their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from deployments.cli.output import reporting, say, show, table
from deployments.cli.runs import landing_status
from deployments.session import follow, open_session, upload

HEAD = ("file", "outcome", "labels", "new", "late", "duplicate", "contradicting", "unknown", "why")


@click.command()
@click.argument("name")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@reporting
def label(name: str, files: tuple[Path, ...], as_json: bool) -> int:
    """Join the labels in FILES to their rows by key; without FILES, what is pending.

    A file has the key's columns and the target. Exit 3 when one is in quarantine, 1
    when one could not be read and will be tried again.
    """
    workspace = open_session(name)
    keys = [upload(workspace, path, say, "labels/incoming") for path in files] or None
    outcome = follow(workspace, "label", {"objects": keys}, say)
    show(outcome, as_json, lambda: labels_table(outcome["files"]))
    return landing_status(outcome["files"])


def labels_table(files: list[dict[str, Any]]) -> str:
    """One line a file: how many labels of each kind, or why it was refused."""
    if not files:
        return "Nothing is pending."
    rows = []
    for file in files:
        counts = file["counts"] or {}
        told = file["outcome"] if file["outcome"] != "already" else f"already {file['stands']}"
        figures = [f"{counts[kind]:,}" if counts else "" for kind in ("rows", *HEAD[3:8])]
        rows.append([file["key"].rpartition("/")[2], told, *figures, "; ".join(file["reasons"])])
    return table(HEAD, rows)
