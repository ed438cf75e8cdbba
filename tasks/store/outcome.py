"""What a flow run leaves for the one who waits for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tasks.documents import seal, unseal_bytes
from tasks.store.bucket import Bucket
from tasks.store.layout import run_outcome


def leave(bucket: Bucket, run: str, outcome: Mapping[str, Any]) -> None:
    """Write the outcome of a flow run."""
    # For a person and a waiting command: what JSON does not know is told as text.
    data = json.dumps(seal("outcome", outcome), sort_keys=True, default=str).encode()
    bucket.put(run_outcome(run), data, content_type="application/json")


def collect(bucket: Bucket, run: str) -> dict[str, Any] | None:
    """Return the outcome of a flow run, or None where it left none."""
    where = run_outcome(run)
    if bucket.head(where) is None:
        return None
    return unseal_bytes("outcome", bucket.get(where), where)
