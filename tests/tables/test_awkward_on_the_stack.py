"""A few awkward tables on a whole stack, by the command alone: `new`, apply, ingest, predict."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import any_free_offset, clean_environment, poll
from tests.tables.awkward import SCENES
from tests.tables.awkward.scene import Scene, write
from tests.tables.house import QUICKLY

pytestmark = [pytest.mark.soak, pytest.mark.system]
COMMAND = str(Path(sys.executable).with_name("perennial"))
NAMES = ("semicolons", "marks", "restarted")


@dataclass(frozen=True)
class Team:
    """A project with a stack of its own."""

    root: Path

    def told(self, *words: str, status: tuple[int, ...] = (0,)) -> Any:
        """Run a command in the project, and return the document it prints."""
        done = subprocess.run(
            [COMMAND, *words, "--json"],
            env=clean_environment({"PERENNIAL_PROJECT": str(self.root)}),
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode in status, f"{words}: {done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def team() -> Iterator[Team]:
    # short enough for the names of sockets
    root = Path(tempfile.mkdtemp(prefix="pa-")).resolve()
    (root / "perennial.toml").write_text("")
    team = Team(root)
    try:
        team.told("up", "--port-offset", str(any_free_offset()))
        yield team
    finally:
        team.told("down")
        shutil.rmtree(root, ignore_errors=True)


@pytest.mark.parametrize("scene", [s for s in SCENES if s.name in NAMES], ids=lambda s: s.name)
def test_an_awkward_table_is_served_by_the_stack(team: Team, scene: Scene, tmp_path: Path) -> None:
    first, *others = write(scene, tmp_path)
    named = ["--data", str(first), "--target", scene.target, *scene.words, *QUICKLY]
    team.told("new", scene.name, *named)
    team.told("apply", scene.name)
    (landed,) = team.told("ingest", scene.name, str(first))["batches"]
    assert landed["stands"] == "accepted"
    # An accepted batch asks for a training by itself: whichever comes first makes the champion.
    team.told("train", scene.name, status=(0, 3))
    url = f"{team.told('status')['addresses']['serving']}/v1/{scene.name}"
    poll(lambda: httpx.get(url, timeout=30).status_code == httpx.codes.OK, 60, "a champion", 1)
    answer = httpx.post(f"{url}/predict", json={"rows": [httpx.get(url).json()["example"]]})
    assert answer.status_code == httpx.codes.OK, answer.text
    assert len(answer.json()["predictions"]) == 1
    for path, later in zip(others, scene.later, strict=True):
        status = (0,) if later.outcome == "accepted" else (3,)
        (held,) = team.told("ingest", scene.name, str(path), status=status)["batches"]
        if status == (3,):
            said = " ".join(held["reasons"])
            assert said == later.says.format(batch=held["batch"][:12])
