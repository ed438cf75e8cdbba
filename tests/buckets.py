"""A bucket of a test's own, and threads that meet in one."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from tasks.errors import PerennialError
from tasks.store.local import LocalBucket

Kind = TypeVar("Kind", bound=LocalBucket)


def local(kind: type[Kind] = LocalBucket) -> Kind:  # type: ignore[assignment]
    """Return an empty local bucket, whose folder goes when nobody holds it any more."""
    folder = tempfile.TemporaryDirectory(prefix="pn-bucket-")
    bucket = kind(Path(folder.name))
    weakref.finalize(bucket, folder.cleanup)
    return bucket


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Return what each of so many threads returned, all let go at once, or the error it met."""
    start = threading.Barrier(count)

    def run(number: int) -> Any:
        start.wait()
        try:
            return act(number)
        except PerennialError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
