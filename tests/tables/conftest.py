"""The house that the tables of a module live in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.settings import Settings
from tests.project import make_project
from tests.servers import running_serving
from tests.tables.house import House


# A module's own: the tests of each module can then run in a worker of their own.
@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("tables")
    environment = make_project(root)
    settings = Settings.from_environment({**os.environ, **environment})
    with running_serving(settings, root / "serving.log", workers=1, environment=environment) as api:
        yield House(Path(environment["PERENNIAL_PROJECT"]), settings, api)


@pytest.fixture
def inside(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """The house, with the commands of this process at home in it."""
    monkeypatch.setenv("PERENNIAL_PROJECT", str(house.project))
    monkeypatch.delenv("PERENNIAL_PIPELINES", raising=False)
    return house
