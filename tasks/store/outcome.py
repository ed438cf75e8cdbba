"""What a flow run leaves for the one who waits for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tasks.store.base import Store
from tasks.store.layout import run_outcome


def leave(store: Store, run: str, outcome: Mapping[str, Any]) -> None:
    """Write the outcome of a flow run."""
    data = json.dumps(outcome, sort_keys=True, default=str).encode()
    store.put(run_outcome(run), data, content_type="application/json")


def collect(store: Store, run: str) -> dict[str, Any] | None:
    """Return the outcome of a flow run, or None where it left none."""
    if store.head(run_outcome(run)) is None:
        return None
    outcome: dict[str, Any] = json.loads(store.get(run_outcome(run)))
    return outcome
