"""Where a project is, what lies where in it, and what it lets import."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import expectations
from tasks.code import code_digest, lock_digest
from tasks.errors import ConfigurationError
from tasks.features.transform import load_transform
from tasks.project import MARK, REPOSITORY, VARIABLE, find_project, import_from_project
from tasks.settings import Settings, expectations_folder, home_folder, pipelines_folder
from tasks.validation.suite import find_suite

SUITE = """
import great_expectations.expectations as gxe
from expectations.suite import Suite

def suite():
    return Suite(columns=None, expectations=(gxe.ExpectTableRowCountToBeBetween(min_value=7),))
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a project in a folder, and stand in a folder far below it."""
    root = (tmp_path / "team").resolve()
    below = root / "notebooks" / "may"
    below.mkdir(parents=True)
    (root / MARK).write_text("")
    monkeypatch.chdir(below)
    for name in (VARIABLE, "PERENNIAL_HOME", "PERENNIAL_PIPELINES"):
        monkeypatch.delenv(name, raising=False)
    path, suites, modules = [*sys.path], [*expectations.__path__], {*sys.modules}
    yield root
    sys.path[:], expectations.__path__[:] = path, suites
    for name in {*sys.modules} - modules:
        if name.startswith(("transforms", "expectations.")):
            del sys.modules[name]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_project_is_found_from_below(root: Path) -> None:
    assert pipelines_folder() == root / "pipelines"
    assert expectations_folder() == root / "expectations"
    assert home_folder() == root / ".perennial"
    settings = Settings.from_environment(
        {"PERENNIAL_BUCKET": "file:///tmp/b", "PERENNIAL_SIGNING_KEY": "k"}
    )
    assert (settings.home, settings.pipelines) == (root / ".perennial", root / "pipelines")


def test_the_nearest_one_counts_and_the_variable_before_all(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root / "notebooks" / MARK, 'pipelines = "declared"')
    assert pipelines_folder() == root / "notebooks" / "declared"
    write(tmp_path / "other" / MARK, "")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "other"))
    assert pipelines_folder() == tmp_path / "other" / "pipelines"
    monkeypatch.setenv(VARIABLE, str(tmp_path / "typo"))
    with pytest.raises(ConfigurationError, match=r"perennial\.toml: the file can be read"):
        pipelines_folder()


def test_what_the_variables_name_needs_no_project(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(root / "typo"))
    monkeypatch.setenv("PERENNIAL_HOME", "/somewhere")
    monkeypatch.setenv("PERENNIAL_PIPELINES", "/elsewhere")
    assert (home_folder(), pipelines_folder()) == (Path("/somewhere"), Path("/elsewhere"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('pipeline = "p"', "Did you mean pipelines?"),
        ("lock = 3", 'Write lock = "requirements.lock"'),
        ("pipelines = [", "the file is TOML"),
    ],
)
def test_a_broken_file_is_told(root: Path, text: str, said: str) -> None:
    (root / MARK).write_text(text)
    with pytest.raises(ConfigurationError, match=r"perennial\.toml") as told:
        find_project()
    assert said in str(told.value)


def test_elsewhere_one_is_in_the_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("PERENNIAL_PIPELINES", raising=False)
    assert pipelines_folder() == REPOSITORY / "deployments" / "pipelines"


def test_a_suite_of_the_project_stands_before_ours(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a process has one project for its life: this one may have read ours before
    monkeypatch.delitem(sys.modules, "expectations.flights", raising=False)
    write(root / "expectations" / "flights.py", SUITE)
    (found,) = find_suite("expectations.flights").expectations
    assert found.min_value == 7


def test_a_transform_of_the_project_is_imported_and_digested(root: Path) -> None:
    helper = root / "transforms" / "money.py"
    write(helper, "def to_cents(euros):\n    return 100 * euros\n")
    write(
        root / "transforms" / "tips.py",
        "from transforms.money import to_cents\n\n"
        "def prepare(frame):\n    return frame.assign(cents=to_cents(frame['tip']))\n",
    )
    transform = load_transform("transforms.tips:prepare")
    assert transform is not None
    assert transform.__module__ == "transforms.tips"
    before = code_digest(["transforms.tips"])
    assert before != code_digest()
    helper.write_text("def to_cents(euros):\n    return 1000 * euros\n")
    assert code_digest(["transforms.tips"]) != before


def test_what_changed_on_the_disk_is_imported_anew(root: Path) -> None:
    write(root / "transforms" / "rates.py", "FACTOR = 2\n")
    write(root / "transforms" / "fees.py", "from transforms.rates import FACTOR\n"
          "def prepare(frame):\n    return FACTOR\n")  # fmt: skip
    first = load_transform("transforms.fees:prepare")
    assert load_transform("transforms.fees:prepare") is first
    (root / "transforms" / "rates.py").write_text("FACTOR = 30\n")
    second = load_transform("transforms.fees:prepare")
    assert first is not None
    assert second is not None
    # A model in service keeps the function that it was loaded with.
    assert (first(None), second(None)) == (2, 30)  # type: ignore[arg-type]


def test_a_library_is_not_hidden_by_a_file_of_the_project(root: Path) -> None:
    write(root / "numpy.py", "raise SystemExit")
    assert hasattr(import_from_project("numpy"), "ndarray")


def test_each_project_has_a_lock_of_its_own(root: Path) -> None:
    without = lock_digest()
    (root / "requirements.lock").write_text("numpy==2.4\n")
    one = lock_digest()
    (root / "requirements.lock").write_text("numpy==2.5\n")
    assert len({without, one, lock_digest()}) == 3
