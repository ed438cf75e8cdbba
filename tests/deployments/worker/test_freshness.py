"""A change of the code is seen, and only a change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployments.worker.modules import choose, everything, sources, stamp, stamp_installed
from tasks.settings import REPOSITORY


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    for name in ("one.py", "inner/two.py", "data.csv"):
        (tmp_path / name).write_text("1")
    return tmp_path


def test_nothing_changed(package: Path) -> None:
    before = stamp([package])
    assert {Path(path).name for path, _, _ in before} == {"one.py", "two.py"}
    (package / "data.csv").write_text("2")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "one.py").write_text("2")
    assert stamp([package]) == before


def test_a_change_a_new_file_and_a_removal_are_seen(package: Path) -> None:
    seen = [stamp([package])]
    (package / "inner" / "two.py").write_text("22")
    seen.append(stamp([package]))
    os.utime(package / "one.py", ns=(1, 1))
    seen.append(stamp([package]))
    (package / "new.py").touch()
    seen.append(stamp([package]))
    (package / "one.py").unlink()
    seen.append(stamp([package]))
    assert len(set(seen)) == 5


def test_a_single_file_and_one_that_is_gone(package: Path) -> None:
    assert len(stamp([package / "one.py"])) == 1
    assert stamp([package / "absent.py"]) == frozenset()


def test_a_new_library_is_seen(tmp_path: Path) -> None:
    os.utime(tmp_path, ns=(1, 1))
    (tmp_path / "library").mkdir()
    assert stamp_installed(tmp_path) > 1


def test_what_may_change_is_told_from_libraries(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(package.parent))
    preload = choose(["lightgbm", f"{package.name}.one", "flows.training", "json"])
    assert preload.code == (f"{package.name}.one", "flows.training")
    assert preload.libraries[-2:] == ("lightgbm", "json")
    assert package in sources(preload.code)


def test_everything_is_the_flows_and_what_they_call() -> None:
    code = everything().code
    assert {"flows.ingestion", "flows.training", "tasks.training.task"} < set(code)
    paths = [REPOSITORY / f"{name.replace('.', '/')}.py" for name in code]
    assert [path for path in paths if not path.exists()] == []
