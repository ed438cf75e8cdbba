"""A project made by the command, and what the other commands find in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployments.cli.init import add_example, installed, make_project, refuse_unless_free
from deployments.local.doctor import check_versions
from tasks.config import find_pipeline, json_schema, pipeline_names
from tasks.errors import ConfigurationError
from tasks.project import MARK, REPOSITORY, read_project


def perennial(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    hidden = ("PERENNIAL_", "PYTHON")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(hidden)}
    return subprocess.run(
        [sys.executable, "-c", "from deployments.cli.main import main; main()", *words],
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_project_is_whole_and_commands_work_from_below(tmp_path: Path) -> None:
    done = perennial(tmp_path, "init", "team/pipelines-of-ours", "--flights", "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    root = tmp_path / "team" / "pipelines-of-ours"
    assert told["project"] == str(root.resolve())
    there = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert set(told["files"]) == there
    assert (root / ".gitignore").read_text().startswith(".perennial/")
    assert json.loads((root / "pipelines" / "schema.json").read_text()) == json_schema()
    # Nothing of the project was named here: it is found from the folder one is in.
    missing = perennial(root / "transforms", "ingest", "flihts", str(root / MARK))
    assert missing.returncode == 2
    assert f"in {root.resolve()}/pipelines. Did you mean flights?" in missing.stderr
    asked = perennial(root / "transforms", "models", "flights")
    assert (
        f"{root.resolve()}/.perennial/secrets.env: the local stack was started once" in asked.stderr
    )


def test_what_comes_next_can_be_copied_into_a_shell(tmp_path: Path) -> None:
    done = perennial(tmp_path, "init", "of two words")
    assert done.returncode == 0, done.stderr
    assert "Next: cd 'of two words' && git init && perennial up" in done.stdout


def test_the_lock_is_what_is_installed(tmp_path: Path) -> None:
    [*make_project(tmp_path)]
    check = check_versions(read_project(tmp_path).lock)
    assert check.passed, check.detail
    assert len(installed()) > 50


def test_the_example_is_a_pipeline(tmp_path: Path) -> None:
    [*make_project(tmp_path)]
    project = read_project(tmp_path)
    assert pipeline_names(project.pipelines) == ()
    [*add_example(project)]
    assert find_pipeline("flights", project.pipelines).suite == "expectations.flights"
    assert (project.expectations / "flights.py").is_file()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    refuse_unless_free(tmp_path)
    refuse_unless_free(tmp_path / "new")
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigurationError, match=r"new or empty; got thesis\.tex"):
        refuse_unless_free(tmp_path)
    with pytest.raises(ConfigurationError, match="got a file"):
        refuse_unless_free(tmp_path / "thesis.tex")
    with pytest.raises(ConfigurationError, match="can be made and written; got Not a directory"):
        [*make_project(tmp_path / "thesis.tex" / "below")]
    (tmp_path / MARK).touch()
    with pytest.raises(ConfigurationError, match="work in there"):
        refuse_unless_free(tmp_path)
