"""One whole local stack, shared by every system test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deployments.local import connection
from deployments.local import stack as local
from deployments.local.secrets import render
from tasks.settings import REPOSITORY, Settings
from tests.servers import SECRETS, any_free_offset, clean_environment
from tests.wheel import Environment, build_wheel, install_wheel


@dataclass(frozen=True)
class Stack:
    """A running stack: `.settings` for this process, `.environment` for one started by a test."""

    home: Path
    offset: int
    settings: Settings
    environment: Mapping[str, str] = field(repr=False)
    said: list[str] = field(repr=False)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Start a whole stack in a home of its own, on the tests' pipelines; stop it at the end."""
    home = Path(tempfile.mkdtemp(prefix="pn-")).resolve()
    said: list[str] = []
    try:
        offset = any_free_offset()
        os.environ["PERENNIAL_PIPELINES"] = str(REPOSITORY / "tests" / "pipelines")
        # In this process, too, the tests' own logins are the stack's.
        (home / "secrets.env").touch(mode=0o600)
        (home / "secrets.env").write_text(render(SECRETS))
        local.up(home, offset, said.append)
        environment = connection.environment(home)
        # told once: each later test of this process would take it away and put it back
        del os.environ["PERENNIAL_PIPELINES"]
        settings = Settings.from_environment(environment)
        yield Stack(home, offset, settings, clean_environment(environment), said)
    finally:
        os.environ.pop("PERENNIAL_PIPELINES", None)
        local.down(home, said.append)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Yield a folder with a path short enough for sockets, outside of the clone."""
    folder = Path(tempfile.mkdtemp(prefix="pw-")).resolve()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def environment(place: Path) -> Environment:
    """The wheel in a virtual environment of its own, with what it requires and nothing else."""
    return install_wheel(place / "env", build_wheel(place / "dist"))
