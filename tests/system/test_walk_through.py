"""The walk-through of the README, command by command: from a clean clone, and from the wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.settings import REPOSITORY
from tests.system.walking import Shell, as_shown, steps
from tests.wheel import Environment, holds

pytestmark = [pytest.mark.soak, pytest.mark.system]
PACKAGES = ("flows", "tasks", "expectations", "mlflow_server", "deployments")
STEPS = steps(REPOSITORY / "README.md")


def walk(shell: Shell) -> None:
    """Run every command of the walk-through, and hold what it prints against the page."""
    try:
        for command, shown in STEPS:
            status, came, told = shell.run(command)
            assert status == 0, f"{command}: {status}\n{came}\n{told[-3000:]}"
            assert as_shown(shown, came), f"{command}\n--- the page\n{shown}\n--- came\n{came}"
    finally:
        shell.run("perennial down")


def ours(environment: Environment) -> dict[str, tuple[int, int]]:
    """Return the files of our packages; Prefect unpacks its pages into its own at a first start."""
    every = holds(environment.packages)
    return {name: file for name, file in every.items() if name.partition("/")[0] in PACKAGES}


def test_it_goes_the_whole_way() -> None:
    words = " ".join(command for command, _ in STEPS)
    names = (
        "init",
        "up",
        "new",
        "apply",
        "ingest",
        "train",
        "score",
        "explain",
        "status",
        "report",
    )
    assert [name for name in names if f"perennial {name}" not in words] == []
    assert "curl -s localhost:8080/v1/" in words


def test_from_a_clean_clone(place: Path) -> None:
    walk(Shell.of_clone(place))


def test_from_the_wheel_in_an_empty_environment(environment: Environment, place: Path) -> None:
    before = ours(environment)
    assert before
    walk(Shell.of_wheel(environment, place))
    assert ours(environment) == before
