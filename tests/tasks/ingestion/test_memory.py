"""A file much larger than the memory it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.ingest_memory import run


@pytest.mark.soak
@pytest.mark.system
def test_half_a_gibibyte_of_csv_stays_within_its_bound(tmp_path: Path) -> None:
    """Loaded whole, these seven million rows take more than twice as much."""
    assert run(0.5, tmp_path)["peak"] < 1500
