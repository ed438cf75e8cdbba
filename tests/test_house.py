"""The house rules that no linter knows."""

from __future__ import annotations

import ast
import importlib
import tomllib
from fnmatch import fnmatch
from graphlib import TopologicalSorter

import pytest

from deployments.cli.main import COMMANDS
from tasks.settings import REPOSITORY

PACKAGES = ("flows", "tasks", "expectations", "mlflow_server", "deployments")
SOURCES = sorted(path for name in PACKAGES for path in (REPOSITORY / name).rglob("*.py"))
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
DOORS: dict[str, list[str]] = PROJECT["tool"]["perennial"]["doors"]


@pytest.mark.parametrize("name", PACKAGES)
def test_the_packages_are_the_repositorys_own(name: str) -> None:
    found = importlib.import_module(name).__file__
    assert found is not None
    assert found.startswith(str(REPOSITORY / name))


def test_no_function_is_over_50_lines() -> None:
    long = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= 50
    ]
    assert not long


def test_classes_of_tasks_have_names_of_their_own() -> None:
    homes: dict[str, list[str]] = {}
    for path in (REPOSITORY / "tasks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(str(path.relative_to(REPOSITORY)))
    assert not {name: places for name, places in homes.items() if len(places) > 1}


def test_one_module_defines_array() -> None:
    defining = {
        path.relative_to(REPOSITORY / "tasks").parts[0]
        for path in SOURCES
        for node in ast.parse(path.read_bytes()).body
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "Array" for target in node.targets)
    }
    assert defining == {"arrays.py"}


def vendors_imported() -> set[tuple[str, str]]:
    """Return (vendor, module) for every import of a vendor that has doors, lazy ones included."""
    found = set()
    for path in SOURCES:
        module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            found |= {(name.partition(".")[0], module) for name in names}
    return {(vendor, module) for vendor, module in found if vendor in DOORS}


def test_a_vendor_is_imported_by_its_doors_alone() -> None:
    through = {(vendor, door) for vendor, doors in DOORS.items() for door in doors}
    used = {
        (vendor, module): [one for one in through if one[0] == vendor and fnmatch(module, one[1])]
        for vendor, module in vendors_imported()
    }
    assert not [place for place, doors in used.items() if not doors]
    assert not through - {one for doors in used.values() for one in doors}, "doors nobody uses"


def test_every_command_is_in_the_readme() -> None:
    text = (REPOSITORY / "README.md").read_text()
    missing = [name for name in COMMANDS if f"perennial {name}" not in text]
    assert not missing


def test_every_command_exists() -> None:
    for place, _ in COMMANDS.values():
        module, _, attribute = place.partition(":")
        assert getattr(importlib.import_module(module), attribute).help


def test_the_changelog_tells_of_this_version() -> None:
    assert f"## {PROJECT['project']['version']}\n" in (REPOSITORY / "CHANGELOG.md").read_text()


def test_the_lock_holds_hashes_and_no_address() -> None:
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    pinned = [line for line in lines if "==" in line and not line.startswith(" ")]
    assert len(pinned) > 100
    assert all(line.endswith("\\") for line in pinned)
    assert not [line for line in lines if "://" in line or line.startswith("-")]


def test_help_loads_no_learning_library() -> None:
    import subprocess
    import sys

    script = (
        "import sys; from deployments.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'prefect', 'mlflow', 'sklearn', 'pandas', 'polars', 'boto3', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Neither lazily nor for types: what import-linter's layers leave open within one topic."""
    modules = {
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"): path
        for path in SOURCES
    }
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                named = {f"{node.module}.{alias.name}" for alias in node.names}
                found = (named & modules.keys()) or {node.module} & modules.keys()
                graph.setdefault(module, set()).update(found - {module})
    tuple(TopologicalSorter(graph).static_order())
