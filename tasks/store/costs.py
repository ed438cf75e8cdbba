"""What runs cost that leave no other record, such as scorings: one small document each."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from tasks.documents import seal, unseal_bytes
from tasks.errors import StoreError
from tasks.metering import measure_cost
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout


@contextmanager
def keeping_cost(bucket: Bucket, layout: Layout, kind: str) -> Iterator[None]:
    """Measure the block, and keep what it cost where it ends well."""
    with measure_cost() as meter:
        yield
    at = datetime.now(UTC)
    content = {"kind": kind, "at": at.isoformat(), "cost": meter.cost.to_dict()}
    # by time, so that a listing tells which are asked for
    key = f"{layout.costs}{at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.json"
    # the work is done: a figure about it is no reason to do it again
    with suppress(StoreError):
        bucket.put(key, json.dumps(seal("cost", content)).encode(), content_type="application/json")


def read_cost(bucket: Bucket, key: str) -> dict[str, Any]:
    """Return what `keeping_cost` kept: `kind`, `at` and `cost`.

    Raises:
        NotFound: there is no such object.
        IntegrityError: it is something else.
    """
    return unseal_bytes("cost", bucket.get(key), key)
