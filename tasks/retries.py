"""Which failures are worth another try. Configuration and data never are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def retry_when(*kinds: type[Exception]) -> Callable[[Any, Any, Any], bool]:
    """Return a Prefect retry condition that holds for failures of these kinds only."""

    def condition(task: Any, run: Any, state: Any) -> bool:  # noqa: ARG001
        try:
            state.result(raise_on_failure=True)
        except kinds:
            return True
        except BaseException:
            return False
        return False

    return condition
