"""The command on a folder: a first look without the stack."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.settings import REPOSITORY
from tests.life import toy_rows
from tests.servers import clean_environment

pytestmark = pytest.mark.system  # each flow runs under a Prefect server of its command's own


def told(folder: Path, *words: str) -> Any:
    """Run a command on the bucket in `folder`, and return the document it prints."""
    environment = clean_environment(
        {
            "PERENNIAL_BUCKET": (folder / "bucket").as_uri(),
            "PERENNIAL_HOME": str(folder / "home"),
            "PERENNIAL_PIPELINES": str(REPOSITORY / "tests" / "pipelines"),
            "PYTHONPATH": str(REPOSITORY),
        }
    )
    start = "from deployments.cli.main import main; main()"
    command = [sys.executable, "-c", start, *words, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_a_first_look_needs_no_stack(tmp_path: Path) -> None:
    toy_rows(600).to_csv(tmp_path / "rows.csv", index=False)
    ingested = told(tmp_path, "ingest", "toy", str(tmp_path / "rows.csv"))
    assert [batch["outcome"] for batch in ingested["batches"]] == ["accepted"]
    assert told(tmp_path, "train", "toy")["outcome"] == "promoted"
    assert told(tmp_path, "models", "toy")["champion"]["version"] == 1
    checks = {check["name"]: check["passed"] for check in told(tmp_path, "doctor")["checks"]}
    assert checks["store"]
    assert "prefect" not in checks
