"""The command on a folder: a first look without the stack."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.settings import REPOSITORY
from tests.commands import perennial
from tests.disks import fill, small_disk
from tests.life import toy_rows
from tests.servers import clean_environment

pytestmark = pytest.mark.system  # the flows run under a Prefect server of their own


def environment(folder: Path) -> dict[str, str]:
    return clean_environment(
        {
            "PERENNIAL_BUCKET": (folder / "bucket").as_uri(),
            "PERENNIAL_HOME": str(folder / "home"),
            "PERENNIAL_PIPELINES": str(REPOSITORY / "tests" / "pipelines"),
            "PYTHONPATH": str(REPOSITORY),
        }
    )


# The server that Prefect starts in a process takes as long as all the rest: one for both.
ACT = """
import json, sys
from deployments.cli.main import main
for words in json.loads(sys.argv[1]):
    try:
        main([*words, "--json"])
    except SystemExit as ended:
        if ended.code:
            raise
    print("===")
"""


def run(folder: Path, *commands: tuple[str, ...]) -> list[Any]:
    """Run commands that have flows on the bucket in `folder`; return the documents they print."""
    command = [sys.executable, "-c", ACT, json.dumps(commands)]
    pipes: Any = {"capture_output": True, "text": True}
    done = subprocess.run(command, env=environment(folder), **pipes, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *documents, rest = done.stdout.split("===\n")
    assert rest == ""
    return [json.loads(document) for document in documents]


def told(folder: Path, *words: str) -> Any:
    """Run one without a flow."""
    said = perennial(environment(folder), *words, "--json")
    assert said.status == 0, said.err
    return said.document


def test_a_first_look_needs_no_stack(tmp_path: Path) -> None:
    toy_rows(600).to_csv(tmp_path / "rows.csv", index=False)
    ingest = ("ingest", "toy", str(tmp_path / "rows.csv"))
    ingested, trained = run(tmp_path, ingest, ("train", "toy"))
    assert [batch["outcome"] for batch in ingested["batches"]] == ["accepted"]
    assert trained["outcome"] == "promoted"
    assert told(tmp_path, "models", "toy")["champion"]["version"] == 1
    document = told(tmp_path, "cost", "toy")
    (pipeline,) = document["pipelines"]
    spent = {line["kind"]: line for line in pipeline["lines"]}
    assert {kind: line["runs"] for kind, line in spent.items()} == {"training": 1, "ingest": 1}
    assert all(line["cpu_seconds"] > 0 and line["unknown"] == 0 for line in spent.values())
    assert all(line["read_bytes"] > 0 and line["written_bytes"] > 0 for line in spent.values())
    assert document["prices"] is pipeline["total"]["money"] is None
    assert [made["outcome"] for made in pipeline["retrainings"]] == ["promote"]
    checks = {check["name"]: check["passed"] for check in told(tmp_path, "doctor")["checks"]}
    assert checks["store"]
    assert "prefect" not in checks


@pytest.mark.soak
def test_a_full_disk_takes_nothing_in_and_heals(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    toy_rows(600).to_csv(rows, index=False)
    with small_disk(tmp_path / "disk") as disk:
        there = {**environment(tmp_path), "PERENNIAL_BUCKET": (disk / "bucket").as_uri()}
        filler = fill(disk, 0.975)
        # Not in a fork that takes no traceback: Prefect logs one of a flow in its own process.
        words = json.dumps([("ingest", "toy", str(rows))])
        command = [sys.executable, "-c", ACT, words]
        pipes: Any = {"capture_output": True, "text": True}
        refused = subprocess.run(command, env=there, **pipes, check=False)
        assert refused.returncode == 1
        lines = [line for line in refused.stderr.splitlines() if line.startswith("perennial: ")]
        assert len(lines) == 1
        assert "a file is taken in while under 97 % of its disk is used" in lines[0]
        filler.unlink()
        taken = perennial(there, "ingest", "toy", str(rows), "--json")
        assert [batch["outcome"] for batch in taken.document["batches"]] == ["accepted"]
        assert perennial(there, "status", "--json").document["disk"]["used"] < 0.8
