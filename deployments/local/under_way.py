"""Flow runs that are under way while the stack is to be restarted: waited for, and named."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from deployments.prefect_api import find_under_way
from tasks.errors import OrchestrationError
from tasks.settings import Settings

PATIENCE = 60.0  # seconds; a training may take hours, and is taken up again where it was ended


def wait_for_runs(
    settings: Settings, say: Callable[[str], None], patience: float = PATIENCE
) -> tuple[str, ...]:
    """Wait until no flow run is under way; return the names of those that take longer.

    None where the server gives no answer: then no run can end well.
    """
    until, told = time.monotonic() + patience, set[str]()
    with suppress(OrchestrationError):
        while names := find_under_way(settings):
            if time.monotonic() > until:
                return names
            for name in (name for name in names if name not in told):
                say(f"waiting for {name}")
            told.update(names)
            time.sleep(0.5)
    return ()
