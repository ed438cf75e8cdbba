"""From a real table to an answer over HTTP: `new`, ingest, train, predict; or why not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.servers import poll
from tests.tables.house import House, bring, why_not_served
from tests.tables.real import ALONE, NAIVE, SMALL, TABLES, RealTable

# One of each kind at every run: classes, numbers, with and without time, small, refused.
AT_EVERY_RUN = {
    "palmerpenguins-penguins",
    "statsmodels-fair-pt",
    "vega-datasets-seattle-weather",
    "islp-default",
    "statsmodels-sunspots",
}
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


def follow_advice(rows: pd.DataFrame, target: str) -> pd.DataFrame:
    """Return a series with its change as the target, and earlier values and changes as columns."""
    known = rows[target]
    change = known.diff()
    earlier = {f"change_{rows}_before": change.shift(rows) for rows in (1, 2, 12, 24)}
    made = rows.drop(columns=target).assign(change=change, before=known.shift(1), **earlier)
    return made.iloc[25:]


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(
            table,
            id=table.name,
            marks=() if table.name == "statsmodels-housing-data" else pytest.mark.soak,
        )
        for table in TABLES
        if table.name in ALONE
    ],
)
def test_a_series_alone_is_served_once_what_is_told_of_it_was_done(
    inside: House, table: RealTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = table.bring(tmp_path)
    ended = inside.drafts(f"plain-{table.name}", plain, table.target)
    told = capsys.readouterr()
    assert ended or "or predict the change" in told.out
    assert not ended or "earlier values of SUNACTIVITY are such columns" in told.err
    done = tmp_path / "done.csv"
    follow_advice(pd.read_csv(plain), table.target).to_csv(done, index=False)
    name = f"done-{table.name}"
    assert inside.drafts(name, done, "change") == 0
    workspace = inside.workspace(name)
    said = "; ".join(bring(workspace, done).reasons) or why_not_served(workspace)
    # the price of bitcoins is a random walk: no change of it tells the next
    assert said.startswith(NAIVE if table.name == "river-drift-bitcoin" else ""), said
    assert bool(said) == (table.name == "river-drift-bitcoin"), said
