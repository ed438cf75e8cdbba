"""Which failures of a Prefect task are worth another try. Configuration and data never are.

The default waits outlast the restart of a server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect.cache_policies import NO_CACHE

JITTER = 0.5  # each wait is drawn: it is up to half longer than written, or as much shorter


def retried(*kinds: type[Exception], waits: Sequence[float] = (2, 5, 10)) -> dict[str, Any]:
    """Return the options of a task that is tried again after each wait, in seconds.

    Failures of other kinds are final.
    """

    def is_worth_it(task: Any, run: Any, state: Any) -> bool:  # noqa: ARG001
        # Prefect hands over a state; only its result raises what the task raised
        try:
            state.result(raise_on_failure=True)
        except kinds:
            return True
        except BaseException:
            return False
        return False

    return {
        # Prefect's own cache is off: what is worth keeping is kept by content, in the bucket
        "cache_policy": NO_CACHE,
        "retries": len(waits),
        "retry_delay_seconds": list(waits),
        # runs that one server failed at once must not all ask it again at once
        "retry_jitter_factor": JITTER,
        "retry_condition_fn": is_worth_it,
    }
