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
from tests.life import toy_rows
from tests.servers import clean_environment

pytestmark = pytest.mark.system  # each flow runs under a Prefect server of its command's own


def environment(folder: Path) -> dict[str, str]:
    return clean_environment(
        {
            "PERENNIAL_BUCKET": (folder / "bucket").as_uri(),
            "PERENNIAL_HOME": str(folder / "home"),
            "PERENNIAL_PIPELINES": str(REPOSITORY / "tests" / "pipelines"),
            "PYTHONPATH": str(REPOSITORY),
        }
    )


def run(folder: Path, *words: str) -> Any:
    """Run a command with a flow on the bucket in `folder`, and return the document it prints."""
    start = "from deployments.cli.main import main; main()"
    command = [sys.executable, "-c", start, *words, "--json"]
    pipes: Any = {"capture_output": True, "text": True}
    done = subprocess.run(command, env=environment(folder), **pipes, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def told(folder: Path, *words: str) -> Any:
    """Run one without a flow."""
    said = perennial(environment(folder), *words, "--json")
    assert said.status == 0, said.err
    return said.document


def test_a_first_look_needs_no_stack(tmp_path: Path) -> None:
    toy_rows(600).to_csv(tmp_path / "rows.csv", index=False)
    ingested = run(tmp_path, "ingest", "toy", str(tmp_path / "rows.csv"))
    assert [batch["outcome"] for batch in ingested["batches"]] == ["accepted"]
    assert run(tmp_path, "train", "toy")["outcome"] == "promoted"
    assert told(tmp_path, "models", "toy")["champion"]["version"] == 1
    checks = {check["name"]: check["passed"] for check in told(tmp_path, "doctor")["checks"]}
    assert checks["store"]
    assert "prefect" not in checks
