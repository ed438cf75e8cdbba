"""Collecting that failed: counted, told, and not tried for ever where a person must act."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.documents import seal, unseal_bytes
from tasks.errors import IntegrityError, NotFound, PerennialError, SourceUnavailable, StoreError
from tasks.faults import external_write
from tasks.records import plain, read
from tasks.workspace import Place, Workspace

TRIES = 3  # at as many times of the schedule
KIND = "tries"


@dataclass(frozen=True)
class CollectTrouble:
    """Why the newest collecting failed.

    Attributes:
        reason: the error's own words.
        since: when it began to fail; `tries` how often it did.
        blocked: how often for a reason that only a person mends, under this `configuration`.
    """

    reason: str
    since: datetime
    tries: int = 0
    blocked: int = 0
    configuration: str = ""

    @property
    def waits(self) -> bool:
        """Whether nothing is tried by itself any more."""
        return self.blocked >= TRIES


def find_trouble(place: Place) -> CollectTrouble | None:
    """Return why the newest collecting failed, or None where it did not.

    What a person changed in the section since is worth new tries.
    """
    key = place.layout.collecting_tries
    try:
        content = unseal_bytes(KIND, place.bucket.get(key), key)
        trouble = read(CollectTrouble, content, key)
    # What is told here is found again by the next try: another release's is made once more.
    except (NotFound, IntegrityError):
        return None
    changed = isinstance(place, Workspace) and trouble.configuration != _configuration(place)
    return None if changed else trouble


@contextmanager
def counting_failures(workspace: Workspace) -> Iterator[None]:
    """Count a failure and let the error go on; what ends well takes the count away."""
    key = workspace.layout.collecting_tries
    try:
        yield
    # Our own bucket is no source's fault, and may take no word of it either.
    except StoreError:
        raise
    except Exception as error:
        before, now = find_trouble(workspace), datetime.now(UTC)
        # The text of an error that is not ours may quote a value.
        reason = str(error) if isinstance(error, PerennialError) else type(error).__name__
        trouble = CollectTrouble(
            reason,
            now if before is None else before.since,
            (before.tries if before else 0) + 1,
            # A source that is away comes back by itself.
            0 if isinstance(error, SourceUnavailable) else (before.blocked if before else 0) + 1,
            _configuration(workspace),
        )
        data = json.dumps(seal(KIND, plain(trouble)), indent=1).encode()
        with external_write("collect.tries"):
            workspace.bucket.put(key, data, content_type="application/json")
        raise
    workspace.bucket.delete(key)


def _configuration(workspace: Workspace) -> str:
    options = workspace.pipeline.source.collect
    text = "" if options is None else options.model_dump_json()
    return hashlib.sha256(text.encode()).hexdigest()[:16]
