"""A column that is only known after departure can not get in."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from deployments.demo.flights import month
from expectations.flights import suite
from tasks.config import find_pipeline
from tasks.settings import pipelines_folder
from tasks.validation.batch import Examination, Examiner
from tasks.validation.contract import Agreed

PIPELINE = find_pipeline("flights", pipelines_folder())


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few")
    lines = month(1, folder).read_text(encoding="utf-8").splitlines(keepends=True)
    path = folder / "few.csv"
    path.write_text("".join(lines[:500]), encoding="utf-8")
    return path


def examined(path: Path, workdir: Path) -> Examination:
    workdir.mkdir()
    examiner = Examiner(PIPELINE, suite(), Agreed(), workdir, lambda _: None)
    return examiner.examine(path, path.name, "a" * 64)


def test_a_month_as_prepared_is_accepted(few: Path, tmp_path: Path) -> None:
    report = examined(few, tmp_path / "work").report
    assert report.accepted, report.to_markdown()


@pytest.mark.parametrize("leaked", ["dep_delay", "arr_delay", "air_time"])
def test_a_leaked_column_refuses_the_batch(few: Path, leaked: str, tmp_path: Path) -> None:
    with few.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    path = tmp_path / "leaked.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[*head, leaked], *([*row, "2"] for row in rows)])
    report = examined(path, tmp_path / "work").report
    assert not report.accepted
    assert leaked in {problem.column for problem in report.problems}
