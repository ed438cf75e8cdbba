from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.code import code_digest


@pytest.fixture
def modules(tmp_path: Path) -> Iterator[Path]:
    package = tmp_path / "ourfeatures"
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "deep" / "__init__.py").write_text("")
    (package / "transform.py").write_text("from ourfeatures.deep import middle\n")
    (package / "deep" / "middle.py").write_text("from . import bottom\n")
    (package / "deep" / "bottom.py").write_text("def double(x):\n    return 2 * x\n")
    (package / "unrelated.py").write_text("x = 1\n")
    sys.path.insert(0, str(tmp_path))
    yield package
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("ourfeatures")]:
        del sys.modules[name]


def test_a_helper_changed_however_deep_changes_the_digest(modules: Path) -> None:
    before = code_digest(["ourfeatures.transform"])
    assert code_digest(["ourfeatures.transform"]) == before
    (modules / "deep" / "bottom.py").write_text("def double(x):\n    return 3 * x\n")
    assert code_digest(["ourfeatures.transform"]) != before


def test_a_file_nothing_imports_does_not(modules: Path) -> None:
    before = code_digest(["ourfeatures.transform"])
    (modules / "unrelated.py").write_text("x = 2\n")
    assert code_digest(["ourfeatures.transform"]) == before


def test_installed_packages_are_the_locks_business(modules: Path) -> None:
    before = code_digest(["ourfeatures.transform"])
    (modules / "unrelated.py").write_text("import numpy\n")
    assert code_digest(["ourfeatures.transform"]) == before
    assert code_digest(["numpy"]) == code_digest()
