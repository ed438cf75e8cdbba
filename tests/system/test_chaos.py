"""Months of flights while processes are killed; `make chaos` lives through a whole year."""

from __future__ import annotations

import pytest

from tests.chaos import VICTIMS, run


@pytest.mark.soak
@pytest.mark.system
def test_killing_one_process_after_the_other_changes_nothing() -> None:
    said: list[str] = []
    figures = run(seed=12, until=6, every=12, say=said.append)
    assert figures["batches"] == figures["decisions"] == 4
    assert sum(figures["kills"].values()) >= 5, said
    assert set(figures["kills"]) <= set(VICTIMS)
    assert figures["requests"]["200"] > 100
