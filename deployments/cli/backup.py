"""Commands that keep a copy of all that the stack knows, and make a stack of one."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from deployments.cli.output import reporting, say, show, suggest_folder
from deployments.local.connection import connect, environment
from deployments.local.folder import Folder
from tasks.errors import ConfigurationError
from tasks.settings import Settings, home_folder

KEYS = "secrets.env holds every key, readable by you alone: move it to another place than the rest."
ENDPOINT = "AWS_ENDPOINT_URL"
FOLDER = click.Path(file_okay=False, path_type=Path)


@reporting
@click.argument("folder", type=FOLDER, metavar="DIR")
def backup(folder: Path, as_json: bool) -> None:
    """Copy the bucket, both databases and the keys into DIR, while the stack runs on.

    DIR is empty or not there yet. Databases of servers elsewhere are not copied.
    """
    from deployments.local.backup import back_up

    home = Folder.at(home_folder())
    connect(home.root)
    document = back_up(Settings.from_environment(), home, folder, say)
    count, size = document["objects"], document["bytes"] / 1e6
    lines = [f"{count:,} objects, {size:,.1f} MB, lie in {folder}."]
    lines += [KEYS] if home.secrets.name in document["files"] else []
    lines += [] if document["databases"] else ["No database of Prefect or MLflow lies in the home."]
    show(document, as_json, lambda: "\n".join(lines))


@reporting
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--force", is_flag=True, help="Onto a used home, which is set aside.")
def restore(folder: Path, force: bool, as_json: bool) -> int:
    """Make the home, and the bucket, as they were when DIR was backed up; nothing is started.

    Then every pointer, manifest, table and registered version is read once. Exit 1 when one cannot
    be, 3 when the home or the bucket is in use.
    """
    from deployments.local import backup as keeping

    if not folder.is_dir():
        rule, remedy = "a backup was written into this folder", suggest_folder(folder)
        raise ConfigurationError(str(folder), rule, "no such folder", remedy)
    home = Folder.at(home_folder())
    keeping.lay_out(folder, home, say, force=force)
    connect(home.root)
    settings = Settings.from_environment()
    own = home.secrets.exists() and settings.s3_endpoint == environment(home.root)[ENDPOINT]
    own = own and settings.folder is None
    with keeping.store_alone(home, settings) if own else nullcontext():
        copied = keeping.fill_bucket(settings, folder, say, force=force)
        broken = keeping.find_broken(settings, home)
    lines = [f"{copied.objects:,} objects, {copied.size / 1e6:,.1f} MB, are restored.", *broken]
    lines += ["Start it with `perennial up`."] if own and not broken else []
    told = {"objects": copied.objects, "bytes": copied.size, "broken": list(broken)}
    show(told, as_json, lambda: "\n".join(lines))
    return 1 if broken else 0
