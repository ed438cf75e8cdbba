"""The command on a folder: a first look without the stack."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.settings import REPOSITORY
from tests.disks import fill, small_disk
from tests.life import toy_rows
from tests.servers import clean_environment

pytestmark = pytest.mark.system  # each flow runs under a Prefect server of its command's own


def run(folder: Path, *words: str, disk: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command on the bucket in `folder`, or on another disk."""
    environment = clean_environment(
        {
            "PERENNIAL_BUCKET": ((disk or folder) / "bucket").as_uri(),
            "PERENNIAL_HOME": str(folder / "home"),
            "PERENNIAL_PIPELINES": str(REPOSITORY / "tests" / "pipelines"),
            "PYTHONPATH": str(REPOSITORY),
        }
    )
    start = "from deployments.cli.main import main; main()"
    command = [sys.executable, "-c", start, *words, "--json"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def told(folder: Path, *words: str, disk: Path | None = None) -> Any:
    """Run a command that succeeds, and return the document it prints."""
    done = run(folder, *words, disk=disk)
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


@pytest.mark.soak
def test_a_full_disk_takes_nothing_in_and_heals(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    toy_rows(600).to_csv(rows, index=False)
    with small_disk(tmp_path / "disk") as disk:
        filler = fill(disk, 0.975)
        refused = run(tmp_path, "ingest", "toy", str(rows), disk=disk)
        assert refused.returncode == 1
        assert "a file is taken in while under 97 % of its disk is used" in refused.stderr
        assert "Traceback" not in refused.stderr
        filler.unlink()
        taken = told(tmp_path, "ingest", "toy", str(rows), disk=disk)
        assert [batch["outcome"] for batch in taken["batches"]] == ["accepted"]
        assert told(tmp_path, "status", disk=disk)["disk"]["used"] < 0.8
