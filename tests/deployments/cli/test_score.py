from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from deployments.cli.score import Bar, bring_source, score, summary
from tasks.config import find_pipeline
from tasks.errors import ConfigurationError
from tasks.settings import REPOSITORY
from tasks.workspace import Workspace
from tests.buckets import local


def workspace() -> Workspace:
    pipeline = find_pipeline("toy", REPOSITORY / "tests" / "pipelines")
    bucket = local()
    return Workspace(bucket, pipeline.name, "c", pipeline=pipeline, home=bucket.folder)


def test_a_source_is_a_file_here_or_lies_in_the_bucket(tmp_path: Path) -> None:
    toy, path = workspace(), tmp_path / "new.csv"
    path.write_text("id\n1\n")
    key = bring_source(toy, str(path))
    assert toy.bucket.get(key) == b"id\n1\n"
    assert bring_source(toy, key) == key
    toy.bucket.put("toy/table/_delta_log/0.json", b"")
    assert bring_source(toy, "toy/table/") == "toy/table/"
    assert bring_source(toy, "curated") == "curated"
    assert bring_source(toy, "s3://perennial/a.csv") == "s3://perennial/a.csv"
    with pytest.raises(ConfigurationError, match=r"none of them"):
        bring_source(toy, "toy/nothing.csv")


def test_a_folder_that_is_not_there_is_said_before_anything_is_scored(tmp_path: Path) -> None:
    out = str(tmp_path / "no" / "out.parquet")
    said = CliRunner().invoke(score, ["toy", "in.csv", out])
    assert isinstance(said.exception, ConfigurationError)
    assert "folder" in str(said.exception)


def test_shares_are_one_bar_on_a_terminal_and_lines_elsewhere(capsys) -> None:
    lines = ["Started", "25% scored: 1 of 4 rows", "100% scored: 4 of 4 rows", "Version 1 scored"]
    said: list[str] = []
    with Bar(said.append, terminal=True) as bar:
        for line in lines:
            bar(line)
    drawn = capsys.readouterr().err
    assert said == ["Started", "Version 1 scored"]
    assert drawn.count("\r") == 2
    assert drawn.endswith("100% scored: 4 of 4 rows\n")
    plain: list[str] = []
    with Bar(plain.append, terminal=False) as bar:
        for line in lines:
            bar(line)
    assert plain == lines


def test_the_summary_says_what_was_there_from_before() -> None:
    said = summary({"rows": 1000, "version": 3, "resumed_parts": 2})
    assert said == "1,000 rows scored by version 3. 2 parts were there from before."
