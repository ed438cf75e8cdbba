"""From a real table to an answer over HTTP: `new`, ingest, train, predict; or why not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pandas as pd
import pytest

from deployments.cli.main import main
from tasks.config import find_pipeline
from tasks.errors import PerennialError
from tasks.ingestion.land import land
from tasks.ingestion.rows import open_rows
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tasks.workspace import Workspace
from tests.life import train
from tests.servers import Serving, poll, running_serving
from tests.tables.real import ALONE, NAIVE, SMALL, TABLES, RealTable

# What decides whether a model serves, and not how well it is tuned: two families, untuned.
QUICKLY = ("--set", "training.trials=0", "--set", "training.families=[linear, lightgbm]")

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


@dataclass(frozen=True)
class House:
    """A project with a bucket in a folder, and the prediction API on it."""

    project: Path
    settings: Settings
    serving: Serving

    def drafts(self, table: RealTable, data: Path) -> int:
        """Run `perennial new`, and return its exit status."""
        command = ["new", table.name, "--data", str(data), "--target", table.target]
        with pytest.raises(SystemExit) as ended:
            main([*command, *QUICKLY])
        return int(ended.value.code or 0)

    def workspace(self, name: str) -> Workspace:
        """Return the drafted pipeline in the bucket."""
        pipeline = find_pipeline(name, self.project / "pipelines")
        bucket, key = open_bucket(self.settings), self.settings.signing_key
        return Workspace(bucket, name, key, pipeline=pipeline, home=self.settings.home)

    def answers(self, name: str) -> bool:
        """Return whether the API answers the example that it gives for this pipeline."""
        url = f"http://127.0.0.1:{self.serving.port}/v1/{name}"
        told = httpx.get(url)
        if told.status_code != httpx.codes.OK:
            return False
        row = told.json()["example"]
        answer = httpx.post(f"{url}/predict", json={"rows": [row]})
        return answer.status_code == httpx.codes.OK and len(answer.json()["predictions"]) == 1


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("tables")
    project = root / "project"
    project.mkdir()
    (project / "perennial.toml").write_text("")
    environment = {
        "PERENNIAL_PROJECT": str(project),
        "PERENNIAL_BUCKET": (root / "bucket").as_uri(),
        "PERENNIAL_SIGNING_KEY": "a signing key",
    }
    settings = Settings.from_environment({**os.environ, **environment})
    with running_serving(settings, root / "serving.log", workers=1, environment=environment) as api:
        yield House(project, settings, api)


@pytest.fixture(autouse=True)
def inside(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_PROJECT", str(house.project))
    monkeypatch.delenv("PERENNIAL_PIPELINES", raising=False)


@pytest.mark.parametrize("table", CASES)
def test_a_real_table_is_served_or_refused_with_a_reason(
    house: House, table: RealTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = table.bring(tmp_path)
    said = ""
    if house.drafts(table, data):
        said = capsys.readouterr().err
    else:
        said = learn(house.workspace(table.name), data)
    said = said.replace(f"{tmp_path}/", "")
    assert said.startswith(table.refused), said
    assert bool(said) == bool(table.refused), said
    if not table.refused:
        poll(lambda: house.answers(table.name), 30, "an answer over HTTP", 0.2)


def bring_in(workspace: Workspace, data: Path) -> str:
    """Bring the file in; return why it is not accepted, or nothing."""
    key = f"{workspace.layout.incoming}{data.name}"
    workspace.bucket.put(key, data.read_bytes())
    landed = land(open_rows(workspace), key, lambda _: None)
    return "" if landed.outcome == "accepted" else "; ".join(landed.reasons)


def learn(workspace: Workspace, data: Path) -> str:
    """Bring the file in and train; return why no model is in service, or nothing."""
    if said := bring_in(workspace, data):
        return said
    try:
        ended = train(workspace)
    except PerennialError as error:
        return str(error)
    return "" if ended.outcome == "promoted" else ended.summary


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
    house: House, table: RealTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = table.bring(tmp_path)
    ended = house.drafts(replace(table, package=f"plain-{table.package}"), plain)
    told = capsys.readouterr()
    assert ended or "or predict the change" in told.out
    assert not ended or "earlier values of SUNACTIVITY are such columns" in told.err
    done = tmp_path / "done.csv"
    follow_advice(pd.read_csv(plain), table.target).to_csv(done, index=False)
    again = replace(table, package=f"done-{table.package}", target="change")
    assert house.drafts(again, done) == 0
    said = learn(house.workspace(again.name), done)
    # the price of bitcoins is a random walk: no change of it tells the next
    assert said.startswith(NAIVE if table.name == "river-drift-bitcoin" else ""), said
    assert bool(said) == (table.name == "river-drift-bitcoin"), said
