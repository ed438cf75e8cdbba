"""Objects under a prefix of someone else's bucket: each copied once, as it is, oldest first."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tasks.collection.collector import Cursor, Say, SourcePage
from tasks.collection.patience import NEXT_TIME, retrying
from tasks.collection.secrets import read_secret
from tasks.config.collect import BucketCollect
from tasks.errors import (
    AccessDenied,
    ConfigurationError,
    NotFound,
    PreconditionFailed,
    SourceUnavailable,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from tasks.policy.reading import count_text
from tasks.quantities import parse_duration
from tasks.readers.formats import tell_format
from tasks.settings import FOLDER, Settings
from tasks.signatures import Keyring
from tasks.store.bucket import Bucket, ObjectInfo
from tasks.store.connect import open_bucket
from tasks.store.keys import checked_key
from tasks.store.scratch import scratch
from tasks.workspace import Workspace

Found = TypeVar("Found")


class BucketCollector:
    """Copies what lies under the prefix and was not copied yet.

    What was copied is seen from the copies' names, which follow from key, tag and size: an object
    that appears late with an early time is found like any other, one that changed is another.
    """

    def __init__(self, workspace: Workspace, options: BucketCollect, say: Say, _limit: int) -> None:
        self._workspace, self._options, self._say = workspace, options, say
        self._pause = parse_duration(options.pause).total_seconds()

    def pages(self, _cursor: Cursor | None) -> Iterator[SourcePage]:
        with _translated(self._options):
            theirs = _open(self._options, self._workspace.home)
            found = self._patiently(lambda: tuple(theirs.list(self._options.prefix)))
        ours = self._workspace.layout.collected
        there = {info.key.removeprefix(ours) for info in self._workspace.bucket.list(ours)}
        for info in sorted(self._fitting(found), key=lambda info: (info.modified, info.key)):
            if name_copy(info) not in there:
                yield from self._copy(theirs, info, there)

    def _copy(self, theirs: Bucket, info: ObjectInfo, there: set[str]) -> Iterator[SourcePage]:
        with scratch(self._workspace.home) as folder:
            path = folder / "object"
            try:
                with _translated(self._options):
                    # It may have changed since it was listed: the facts are those of these bytes.
                    came = self._patiently(lambda: theirs.download(info.key, path))
            except (NotFound, PreconditionFailed):
                self._say(f"{info.key} is gone or being written: it is left until the next time.")
                return
            name = name_copy(came)
            if name not in there:
                there.add(name)
                cursor = Cursor.of(modified=came.modified.isoformat(), key=came.key)
                yield SourcePage(path, Path(came.key).suffix, None, cursor, name)
        time.sleep(self._pause)

    def _fitting(self, found: tuple[ObjectInfo, ...]) -> Iterator[ObjectInfo]:
        most = self._workspace.pipeline.data.max_bytes
        other, large, odd = [], [], []
        for info in found:
            if tell_format(info.key) is None:
                other.append(info.key)
            elif info.size > most:
                large.append(info.key)
            elif not _is_key(info.key):
                odd.append(info.key)
            else:
                yield info
        whys = ("of no format that is read", "over data.max_batch_gib", "of a key that is none")
        for keys, why in zip((other, large, odd), whys, strict=True):
            if keys:
                count = count_text(len(keys), "object", "objects")
                self._say(f"Passed over: {count} {why}, such as {keys[0]!r}.")

    def _patiently(self, act: Callable[[], Found]) -> Found:
        return retrying(self._options.retries, StoreUnavailable)(act)


def name_copy(info: ObjectInfo) -> str:
    """Return under which name an object is copied.

    >>> from datetime import UTC, datetime
    >>> name_copy(ObjectInfo("out/2024/a.csv", 3, "ab12", datetime.now(UTC)))
    'dd78827b4326/a.csv'
    """
    facts = f"{info.key}\n{info.etag}\n{info.size}"
    return f"{hashlib.sha256(facts.encode()).hexdigest()[:12]}/{info.key.rpartition('/')[2]}"


def _open(options: BucketCollect, home: Path) -> Bucket:
    access = secret = ""
    if options.keys is not None:
        access = read_secret(options.keys.access, "source.collect.keys.access")
        secret = read_secret(options.keys.secret, "source.collect.keys.secret")
    settings = Settings(
        options.endpoint or f"https://s3.{options.region}.amazonaws.com",
        access,
        secret,
        Keyring(""),
        bucket=options.bucket,
        region=options.region,
        mlflow_uri=None,
        home=home,
        pipelines=home,
    )
    folder = settings.folder
    if options.bucket.startswith(FOLDER) and not (folder and folder.is_dir()):
        remedy = "Mend source.collect.bucket."
        raise ConfigurationError(options.bucket, "the folder is there", "none", remedy)
    return open_bucket(settings)


@contextmanager
def _translated(options: BucketCollect) -> Iterator[None]:
    """Let errors of their bucket say so: by themselves they speak of ours."""
    where = options.bucket
    try:
        yield
    except (NotFound, PreconditionFailed, StoreFull):
        raise
    except StoreUnavailable as error:
        raise SourceUnavailable(where, error.rule, error.came, NEXT_TIME) from error
    except AccessDenied as error:
        remedy = "Check what source.collect.keys name."
        raise ConfigurationError(where, error.rule, error.came, remedy) from error
    except StoreError as error:
        remedy = "Check bucket, prefix and endpoint under source.collect."
        raise ConfigurationError(where, error.rule, error.came, remedy) from error


def _is_key(key: str) -> bool:
    try:
        checked_key(key)
    except StoreError:
        return False
    return True
