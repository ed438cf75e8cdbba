"""From a real table to an answer over HTTP: `new`, ingest, train, predict; or why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.servers import poll
from tests.tables.house import House, bring, why_not_served
from tests.tables.real import TABLES, RealTable

# One of each kind at every run: classes, numbers, with and without time, small, refused.
AT_EVERY_RUN = {"penguins.csv", "fair_pt.csv", "seattle-weather.csv", "Default.csv", "sunspots.csv"}
CASES = [
    pytest.param(
        table,
        id=table.name,
        marks=() if table.path.name in AT_EVERY_RUN else pytest.mark.soak,
    )
    for table in TABLES
]


@pytest.mark.parametrize("table", CASES)
def test_a_real_table_is_served_or_refused_with_a_reason(
    inside: House, table: RealTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path(shutil.copy(table.path, tmp_path))
    if inside.drafts(table.name, data, table.target):
        said = capsys.readouterr().err
    else:
        workspace = inside.workspace(table.name)
        said = "; ".join(bring(workspace, data).reasons) or why_not_served(workspace)
    assert said.startswith(table.refused), said
    assert bool(said) == bool(table.refused), said
    if not table.refused:
        poll(lambda: inside.answers(table.name), 30, "an answer over HTTP", 0.2)
