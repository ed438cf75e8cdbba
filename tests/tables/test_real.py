"""From a real table to an answer over HTTP: `new`, ingest, train, predict; or why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers import poll
from tests.tables.house import House, bring, why_not_served
from tests.tables.real import ALONE, SMALL, TABLES, RealTable

# One of each kind at every run: classes, numbers, with and without time, small, refused.
AT_EVERY_RUN = {
    "palmerpenguins-penguins",
    "statsmodels-fair-pt",
    "vega-datasets-seattle-weather",
    "islp-default",
    "statsmodels-sunspots",
}
# The others are random walks, or change their ways.
SERVED = 0.9
CASES = [
    pytest.param(
        table,
        id=table.name,
        marks=() if table.name in AT_EVERY_RUN else pytest.mark.soak,
    )
    for table in (*TABLES, *SMALL)
]


@pytest.mark.parametrize("table", CASES)
def test_a_real_table_is_served_or_refused_with_a_reason(
    inside: House, table: RealTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = table.bring(tmp_path)
    if inside.drafts(table.name, data, table.target):
        said = capsys.readouterr().err
    else:
        workspace = inside.workspace(table.name)
        said = "; ".join(bring(workspace, data).reasons) or why_not_served(workspace)
    said = said.replace(f"{tmp_path}/", "")
    assert said.startswith(table.refused), said
    assert bool(said) == bool(table.refused), said
    if not table.refused:
        poll(lambda: inside.answers(table.name), 30, "an answer over HTTP", 0.2)


SERIES = [pytest.param(table, id=table.name) for table in TABLES if table.name in ALONE]


def test_at_least_this_share_of_the_real_tables_is_served() -> None:
    served = [table for table in TABLES if not table.refused]
    assert len(served) >= SERVED * len(TABLES)


@pytest.mark.parametrize(
    "table", [table for table in TABLES if table.name in ALONE], ids=lambda table: table.name
)
def test_a_series_alone_is_given_its_own_history(
    inside: House, table: RealTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = table.bring(tmp_path)
    name = f"alone-{table.name}"
    assert inside.drafts(name, data, table.target) == 0
    assert "values are columns of each row (features.history)" in capsys.readouterr().out
    assert inside.workspace(name).pipeline.features.history is not None
