"""Months of flights while processes are killed; `make chaos` lives through a whole year."""

from __future__ import annotations

import pytest

from tests.chaos import VICTIMS, run
from tests.environment import kept_environment


@pytest.mark.soak
@pytest.mark.system
def test_killing_one_process_after_the_other_changes_nothing() -> None:
    said: list[str] = []
    with kept_environment():
        figures = run(seed=12, until=5, every=20, say=said.append)
    assert figures["batches"] == figures["decisions"] == 3
    assert sum(figures["kills"].values()) >= 3, said
    assert set(figures["kills"]) <= set(VICTIMS)
    assert figures["requests"]["200"] > 100
