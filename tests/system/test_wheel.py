"""The wheel in an empty environment: a project is made, learned from and served, outside any clone.

Nothing is written into the installed packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from tests.servers import any_free_offset, poll
from tests.wheel import OURS, Environment, holds

pytestmark = [pytest.mark.soak, pytest.mark.system]
PIPELINE = """
name: cafes
description: How much does a table leave as a tip?
task: regression
target: tip
event_time: paid
key: [bill]
features: {transform: "transforms.cafes:prepare"}
training: {families: [linear], trials: 2, timeout: 60s, folds: 2}
gate: {min_rows: 50, latency_p99: 50ms}
"""
SUITE = """
import great_expectations.expectations as gxe

from expectations.suite import Suite


def suite() -> Suite:
    return Suite(
        columns={
            "bill": "string", "paid": "timestamp", "guests": "integer", "sum": "number",
            "tip": "number",
        },
        expectations=(
            gxe.ExpectTableRowCountToBeBetween(min_value=1),
            gxe.ExpectColumnValuesToNotBeNull(column="bill"),
            gxe.ExpectColumnValuesToBeBetween(column="guests", min_value=1, max_value=40),
        ),
    )
"""
TRANSFORM = """
from transforms.sharing import a_head


def prepare(frame):
    return frame.assign(a_head=a_head(frame))
"""
SHARING = """
def a_head(frame):
    return frame["sum"] / frame["guests"]
"""
LINEAGE = """
import sys
from deployments.session import open_session
from tasks.promotion.versions import manifest_of
print(manifest_of(open_session(sys.argv[1]), int(sys.argv[2])).lineage.lock)
"""


@dataclass(frozen=True)
class Team:
    """A project in an environment; `told` runs a command in one of its folders."""

    environment: Environment
    root: Path

    def told(self, *words: str, status: tuple[int, ...] = (0,)) -> Any:
        done = self.environment.run(*words, "--json", cwd=self.root / "transforms", timeout=400)
        assert done.returncode in status, f"{words}: {done.stdout[-2000:]}\n{done.stderr[-3000:]}"
        return json.loads(done.stdout)


def bills(count: int) -> pd.DataFrame:
    draw = np.random.default_rng(11)
    guests = draw.integers(1, 9, count)
    total = (guests * draw.gamma(6, 4, count)).round(2)
    tip = (0.08 * total + 0.3 * total / guests + draw.normal(0, 0.5, count)).round(2)
    return pd.DataFrame(
        {
            "bill": [f"b{number:05}" for number in range(count)],
            "paid": pd.date_range("2025-03-01 11:00", periods=count, freq="17min"),
            "guests": guests,
            "sum": total,
            "tip": tip,
        }
    )


@pytest.fixture(scope="module")
def team(place: Path, environment: Environment) -> Iterator[Team]:
    """A project with one pipeline, on a stack of its own."""
    root = place / "team"
    made = environment.run("init", str(root), cwd=place)
    assert made.returncode == 0, made.stderr
    team = Team(environment, root)
    for name, text in {
        "pipelines/cafes.yaml": PIPELINE,
        "expectations/cafes.py": SUITE,
        "transforms/cafes.py": TRANSFORM,
        "transforms/sharing.py": SHARING,
    }.items():
        (root / name).write_text(text)
    try:
        team.told("up", "--port-offset", str(any_free_offset()))
        yield team
    finally:
        environment.run("down", cwd=root)


def test_what_the_wheel_requires_is_all_it_needs(environment: Environment) -> None:
    uv = [sys.executable, "-m", "uv", "pip", "check", "--python", environment.python]
    checked = subprocess.run(uv, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    said = environment.run("--version", cwd=environment.folder)
    assert said.stdout.startswith("perennial, version ")
    listed = f"import importlib.metadata as found; print(*found.files('{OURS}'))"
    files = environment.say(listed, cwd=environment.folder).split()
    assert {"tasks/pages/templates/page.css", "mlflow_server/serve.py"} <= {*files}
    assert {"deployments/pipelines/flights.yaml", "expectations/flights.py"} <= {*files}
    assert not [file for file in files if file.startswith("tests/")]


def test_outside_a_project_a_command_says_what_to_do(place: Path, environment: Environment) -> None:
    (place / "empty").mkdir()
    refused = environment.run("up", cwd=place / "empty")
    assert refused.returncode == 2
    assert "Run `perennial init FOLDER`" in refused.stderr
    assert not any((place / "empty").iterdir())


def test_a_project_learns_and_serves(team: Team, place: Path) -> None:
    before = holds(team.environment.packages)
    applied = team.told("apply")
    assert {spec["name"] for spec in applied["create"]} >= {"train/cafes", "reconcile/all"}
    rows = bills(900)
    rows.to_csv(place / "bills.csv", index=False)
    ingested = team.told("ingest", "cafes", str(place / "bills.csv"))
    assert {batch["outcome"] for batch in ingested["batches"]} <= {"accepted", "already"}
    # Accepting a batch asks for a training by itself: whichever comes first makes the champion.
    team.told("train", "cafes", status=(0, 3))
    number = team.told("models", "cafes")["champion"]["version"]
    status = team.told("status")
    address = status["addresses"]["serving"]
    row = {"bill": "new", "paid": "2025-04-01T12:00:00", "guests": 4, "sum": 120.0}

    def answer() -> httpx.Response:
        return httpx.post(f"{address}/v1/cafes/predict", json={"rows": [row]}, timeout=30)

    poll(lambda: answer().status_code == 200, 30, "a champion in service")
    (prediction,) = answer().json()["predictions"]
    assert abs(prediction["value"] - (0.08 * 120 + 0.3 * 30)) < 2
    lock = sha256((team.root / "requirements.lock").read_bytes()).hexdigest()
    told = team.environment.say(LINEAGE, "cafes", str(number), cwd=team.root / "pipelines")
    assert told.splitlines()[-1] == lock
    assert {path.name for path in team.root.iterdir()} == {
        *(".gitignore", ".perennial", "README.md", "perennial.toml", "requirements.lock"),
        *("pipelines", "expectations", "transforms"),
    }
    assert holds(team.environment.packages) == before


def test_new_drafts_a_pipeline_outside_of_any_clone(team: Team, place: Path) -> None:
    before = holds(team.environment.packages)
    bills(300).to_csv(place / "drafted.csv", index=False)
    told = ("--data", str(place / "drafted.csv"), "--target", "tip")
    words = ("new", "drafted", *told, "--set", "training.trials=0")
    drafted = team.told(*words)
    assert (drafted["written"], drafted["content"]["task"]) == (True, "regression")
    assert (drafted["content"]["event_time"], drafted["content"]["key"]) == ("paid", ["bill"])
    assert Path(drafted["file"]) == team.root / "pipelines" / "drafted.yaml"
    assert Path(drafted["suite"]) == team.root / "expectations" / "drafted.py"
    applied = team.told("apply", "drafted")
    assert "train/drafted" in {spec["name"] for spec in applied["create"]}
    ingested = team.told("ingest", "drafted", str(place / "drafted.csv"))
    assert {batch["outcome"] for batch in ingested["batches"]} <= {"accepted", "already"}
    again = team.environment.run(*words, cwd=team.root)
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert holds(team.environment.packages) == before
