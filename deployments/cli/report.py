"""The command that opens or saves a page of the bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from deployments.cli.output import OneOf, about_pipeline, say, show, table
from deployments.session import open_session
from tasks.errors import ConfigurationError
from tasks.store.reports import PAGES, StoredPage, find_pages, pick_page
from tasks.store.scratch import place_whole
from tasks.workspace import Workspace


@about_pipeline
@click.argument("kind", required=False, type=OneOf(list(PAGES)))
@click.option("--of", metavar="ID", help="Of this batch or version, not the newest.")
@click.option("--save", type=click.Path(path_type=Path), help="Write it to this file, or folder.")
@click.option("--open", "opens", is_flag=True, help="Show it in the browser.")
def report(
    name: str, kind: str | None, of: str | None, save: Path | None, opens: bool, as_json: bool
) -> None:
    """Print the address of a page, which opens for a week, or save the page; without KIND, list.

    \\b
    drift        what differs in the newest batch that drifted
    backtest     the policies on your history
    explanation  what the newest version looks at
    card         the model card of the newest version
    validation   what was checked in the newest file
    """
    workspace = open_session(name)
    if kind is None and (of or save or opens):
        rule, remedy = "--of, --save and --open are of one kind", f"One of {', '.join(PAGES)}."
        raise ConfigurationError("KIND", rule, "none", remedy)
    if kind is None:
        document = list_pages(workspace)
        rows = [[page["kind"], page["of"][:12], page["at"], page["pages"]]
                for page in document["pages"]]  # fmt: skip
        empty = f"No page yet. Ingest a file: `perennial ingest {name} FILE`."
        head = ["kind", "newest of", "written", "pages"]
        show(document, as_json, lambda: table(head, rows) if rows else empty)
        return
    page = pick_page(workspace.bucket, workspace.layout, kind, of)
    document = {**_told(workspace, page), "saved": None}
    if save is not None:
        document["saved"] = str(save_page(workspace, page, save))
    if opens:
        say(f"Opening the {kind} of {page.of[:12]}")
        click.launch(document["saved"] or document["link"])
    show(document, as_json, lambda: document["saved"] or document["link"])


def list_pages(workspace: Workspace) -> dict[str, Any]:
    """Return the newest page of each kind that has one, and how many there are."""
    found = {kind: find_pages(workspace.bucket, workspace.layout, kind) for kind in PAGES}
    return {
        "pipeline": workspace.name,
        "pages": [
            {**_told(workspace, pages[0]), "pages": len(pages)} for pages in found.values() if pages
        ],
    }


def save_page(workspace: Workspace, page: StoredPage, to: Path) -> Path:
    """Write the page to a file, or into a folder under a name that tells what it is.

    Raises:
        ConfigurationError: nothing can be written there.
    """
    path = to / f"{workspace.name}-{page.kind}-{page.of[:12]}.html" if to.is_dir() else to
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        rule, remedy = "its folder is there, or can be made", "Name another file, or a folder."
        raise ConfigurationError(str(path), rule, error.strerror, remedy) from error
    with place_whole(path) as partial:
        workspace.bucket.download(page.key, partial)
    return path.resolve()


def _told(workspace: Workspace, page: StoredPage) -> dict[str, Any]:
    return {
        "kind": page.kind,
        "of": page.of,
        "key": page.key,
        "at": page.at.isoformat(timespec="seconds"),
        "link": workspace.bucket.url(page.key),
    }
