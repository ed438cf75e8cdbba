"""How a source that gave no answer is asked again, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from tasks.collection.collector import Say

BACKOFF = wait_exponential_jitter(multiplier=0.5, max=30, jitter=0.5)
NEXT_TIME = "It is asked again at the next time of source.collect.schedule."


def retrying(
    retries: int,
    passing: type[Exception],
    say: Say | None = None,
    wait: Callable[[RetryCallState], float] = BACKOFF,
) -> Retrying:
    """Return what tries again after each `passing` error, and in the end lets the last one go on.

    `say` takes a line before each wait.
    """
    return Retrying(
        stop=stop_after_attempt(retries + 1),
        retry=retry_if_exception_type(passing),
        wait=wait,
        before_sleep=None if say is None else lambda state: say(_tell(state)),
        reraise=True,
    )


def _tell(state: RetryCallState) -> str:
    assert state.outcome is not None
    seconds = 0.0 if state.next_action is None else state.next_action.sleep
    return f"{state.outcome.exception()} Again in {seconds:.1f} s."
