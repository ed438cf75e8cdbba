"""A copy of all that a stack knows, and a stack made of such a copy.

A folder of a backup holds `objects/` (the bucket), `databases/`, `secrets.env` with the keys, and
`backup.json`, which is written last: without it, the backup did not come to its end.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployments.local.databases import copy, databases
from deployments.local.environment import OFFLINE, clean_environment
from deployments.local.folder import Folder, make_closed, write
from deployments.local.processes import end, find_marked
from deployments.local.programs import HOME_MARK, PROBE, PROGRAM_MARK
from deployments.serving.keyfile import KEYS_NAME
from tasks.errors import PerennialError, Refused, StackError, StoreError
from tasks.project import REPOSITORY
from tasks.promotion.versions import manifest_of, published
from tasks.reconciliation.readable import find_unreadable
from tasks.settings import Settings
from tasks.store.bucket import Bucket
from tasks.store.connect import open_bucket
from tasks.store.copying import Copied, copy_bucket
from tasks.store.layout import is_name
from tasks.store.local import LocalBucket
from tasks.store.scratch import scratch
from tasks.workspace import open_place

MARK = "perennial backup 1"
DOCUMENT = "backup.json"
TELL_EVERY = 5.0  # seconds between two lines of progress
STARTING = 90.0  # seconds
Say = Callable[[str], None]


def back_up(settings: Settings, folder: Folder, target: Path, say: Say) -> dict[str, Any]:
    """Copy bucket, databases and keys into an empty folder; the stack may run on meanwhile.

    Raises:
        Refused: something lies in the folder already.
        StackError: a database stays locked.
        StoreError: the bucket gives no answer.
    """
    if target.exists() and any(target.iterdir()):
        rule = "a backup is written into an empty folder"
        raise Refused(str(target), rule, remedy="Name another, or a new one.")
    make_closed(target)
    (target / "databases").mkdir()
    kept = [database for database in databases(folder) if database.path.exists()]
    for database in kept:
        say(f"Copying the database of {database.name}")
        copy(database.path, target / "databases" / database.path.name)
    files = _files(folder)
    for path in files:
        write(target / path.name, path.read_text("utf-8"))
    copied = copy_bucket(
        open_bucket(settings),
        LocalBucket(target / "objects"),
        target,
        _progress(say),
        leading_first=True,
    )
    for key in copied.left_out:
        say(f"Left out, for no other store takes its name: {key!r}")
    document = {
        "perennial": MARK,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "bucket": settings.bucket,
        "objects": copied.objects,
        "bytes": copied.size,
        "left_out": copied.left_out,
        "databases": [database.name for database in kept],
        "files": [path.name for path in files],
    }
    write(target / DOCUMENT, json.dumps(document, indent=1) + "\n")
    return document


def read_backup(source: Path) -> dict[str, Any]:
    """Return what a backup says of itself.

    Raises:
        StackError: it is none, did not come to its end, or is a newer release's.
    """
    try:
        document: dict[str, Any] = json.loads((source / DOCUMENT).read_text("utf-8"))
    except (OSError, ValueError) as error:
        rule = f"it holds {DOCUMENT}, which a backup writes last"
        raise StackError(str(source), rule, error, "Take another backup.") from error
    if document.get("perennial") != MARK:
        came = document.get("perennial")
        raise StackError(str(source), f"this release reads {MARK}", came, "Upgrade perennial.")
    return document


def lay_out(source: Path, folder: Folder, say: Say, *, force: bool) -> None:
    """Put the files and databases of a backup into a home that was not used yet.

    By `force`, a used one is set aside first, whole.

    Raises:
        StackError: the stack there runs.
        Refused: the home was used, and nobody forced it.
    """
    document = read_backup(source)
    if any(find_marked(folder)):
        rule = "no process of a stack runs there"
        raise StackError(str(folder.root), rule, remedy="Run `perennial down` first.")
    if is_used(folder):
        if not force:
            remedy = "Name another by PERENNIAL_HOME, or --force: then it is set aside."
            raise Refused(str(folder.root), "the home is empty", "a used one", remedy)
        aside = folder.root.with_name(f"{folder.root.name}.before-{time.strftime('%Y%m%d-%H%M%S')}")
        folder.root.rename(aside)
        say(f"The home that was there is now {aside}")
    folder.make()
    for name in document["files"]:
        write(folder.root / name, (source / name).read_text("utf-8"))
    for database in databases(folder):
        if database.name in document["databases"]:
            copy(source / "databases" / database.path.name, database.path)


def is_used(folder: Folder) -> bool:
    """Tell whether a stack, or commands on a folder, left anything in this home."""
    kept = [*_files(folder), *(database.path for database in databases(folder))]
    return any(path.exists() for path in kept) or (folder.s3.exists() and any(folder.s3.iterdir()))


def fill_bucket(settings: Settings, source: Path, say: Say, *, force: bool) -> Copied:
    """Write the objects of a backup into an empty bucket, pointers last.

    By `force`, what lies there is removed first.

    Raises:
        Refused: pipelines lie there, and nobody forced it.
        StoreError: the bucket gives no answer.
    """
    bucket = open_bucket(settings)
    there = [info.key for info in bucket.list("") if info.key != PROBE]
    if there and not force:
        remedy = "Name another by PERENNIAL_BUCKET, or --force: then they are removed."
        raise Refused(bucket.where, "the bucket is empty", f"{len(there):,} objects", remedy)
    for key in there:
        bucket.delete(key)
    objects = LocalBucket(source / "objects")
    with scratch(settings.home) as passing:
        return copy_bucket(objects, bucket, passing, _progress(say), leading_first=False)


@contextmanager
def store_alone(folder: Folder, settings: Settings) -> Iterator[None]:
    """Run the local store without anything that would act on what lies there.

    Raises:
        StackError: it does not start.
    """
    marks = {HOME_MARK: str(folder.root), PROGRAM_MARK: "s3", "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [sys.executable, "-m", "deployments.local.launch"],
        env={**clean_environment(os.environ), **OFFLINE, **marks},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + STARTING
        while not _takes(open_bucket(settings)):
            if process.poll() is not None or time.monotonic() > until:
                log = folder.log("s3")
                raise StackError("s3", f"it starts within {STARTING:.0f} s", None, f"Read {log}.")
            time.sleep(0.3)
        yield
    finally:
        end(find_marked(folder, "s3"), grace=10)
        process.wait()


def find_broken(settings: Settings, folder: Folder) -> tuple[str, ...]:
    """Return what cannot be read of pointers, manifests, tables and registered versions."""
    bucket, found = open_bucket(settings), list[str]()
    for name in filter(is_name, bucket.folders()):
        place = open_place(settings, name)
        found += find_unreadable(place)
        for version in published(place):
            try:
                manifest_of(place, version)
            except PerennialError as error:
                found.append(str(error))
    (tracking,) = (known for known in databases(folder) if known.name == "mlflow")
    return (*found, *_unregistered(bucket, tracking.path))


def _unregistered(bucket: Bucket, path: Path) -> Iterator[str]:
    """Yield each registered version whose model is not in the bucket."""
    if not path.exists():
        return
    asked = (
        "SELECT v.name, v.version, m.artifact_location FROM model_versions v "
        "JOIN logged_models m ON v.source = 'models:/' || m.model_id "
        "WHERE v.current_stage != 'Deleted_Internal'"
    )
    with closing(sqlite3.connect(path)) as opened:
        registered = opened.execute(asked).fetchall()
    for name, version, location in registered:
        folder = f"mlflow/{str(location).partition(':/')[2].strip('/')}/"
        if next(iter(bucket.list(folder)), None) is None:
            yield f"MLflow's version {version} of {name}: its model lies in {folder}; got nothing."


def _files(folder: Folder) -> list[Path]:
    kept = (folder.secrets, folder.memory, folder.root / KEYS_NAME)
    return [path for path in kept if path.exists()]


def _takes(bucket: Bucket) -> bool:
    try:
        bucket.put(PROBE, b"well\n")
    except StoreError:
        return False
    return True


def _progress(say: Say) -> Callable[[Copied], None]:
    spoke = time.monotonic()

    def step(copied: Copied) -> None:
        nonlocal spoke
        if time.monotonic() - spoke > TELL_EVERY:
            spoke = time.monotonic()
            say(f"{copied.objects:,} objects, {copied.size / 1e6:,.1f} MB")

    return step
