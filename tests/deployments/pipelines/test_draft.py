from __future__ import annotations

from pathlib import Path
from typing import Any

from deployments.pipelines.draft import Column, guess_task, pipeline_text, suite_text
from expectations.suite import Suite
from tasks.config import read_pipeline

HOSTILE = """x", __import__('os').system('touch /tmp/owned'), "\n#"""
COLUMNS = {
    "trip": Column("string", 0.0, 900),
    "at": Column("timestamp", 0.0, 900),
    "tip": Column("number", 0.0, 300),
    HOSTILE: Column("integer", 0.1, 5),
}


def drafted(text: str) -> Suite:
    scope: dict[str, Any] = {}
    exec(compile(text, "suite.py", "exec"), scope)
    made = scope["suite"]()
    assert isinstance(made, Suite)
    return made


def test_the_drafted_file_is_a_pipeline(tmp_path: Path) -> None:
    path = tmp_path / "taxis.yaml"
    task = guess_task(COLUMNS["tip"])
    path.write_text(pipeline_text("taxis", task, "tip", "at", "trip", "trips.csv"))
    pipeline = read_pipeline(path)
    assert (pipeline.task, pipeline.target, pipeline.key) == ("regression", "tip", ("trip",))


def test_the_drafted_suite_runs_and_a_hostile_name_stays_a_name() -> None:
    made = drafted(suite_text("taxis", COLUMNS, "tip", ["at", "trip"]))
    assert made.columns == {name: column.kind for name, column in COLUMNS.items()}
    assert len(made.expectations) == 4
