"""What is forked for the tests ends as they are told."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

import pytest

from tests.forks import fork


@pytest.mark.system
@pytest.mark.parametrize(
    ("function", "arguments", "seconds", "ended"),
    [
        ("json:loads", ["{}"], 60, 0),
        ("json:loads", ["{"], 60, 1),
        ("os:_exit", [7], 60, 7),
        ("os:abort", [], 60, -signal.SIGABRT),
        ("time:sleep", [60], 0.2, None),
    ],
)
def test_how_it_ended_is_told(
    function: str, arguments: Sequence[Any], seconds: float, ended: int | None
) -> None:
    assert fork(function, arguments, seconds) == ended
