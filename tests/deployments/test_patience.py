"""A command that follows or waits outlasts the restart of a server, and says so once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.local.folder import Folder
from deployments.patience import Absence, over_a_restart
from deployments.prefect_api import Busy, Unreachable
from deployments.session import upload
from tasks.errors import NotFound, PerennialError, StoreUnavailable, TrackingUnavailable
from tasks.store.s3 import S3Bucket
from tests.life import toy_workspace
from tests.servers import poll, running_s3

ABSENT = {
    "The store": StoreUnavailable("http://s/b", "the store answers in time", "no connection"),
    "MLflow": TrackingUnavailable("MLflow at http://m", "it answers", "no answer"),
    "Prefect": Busy("Prefect", "the server answers in time", "503"),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def returning(error: PerennialError, failures: int) -> Callable[[], str]:
    """Return an act that fails so often, and then does what it should."""
    errors = [error] * failures

    def act() -> str:
        if errors:
            raise errors.pop()
        return "done"

    return act


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_waited_for_is_said_once(name: str) -> None:
    said: list[str] = []
    assert over_a_restart(returning(ABSENT[name], 3), said.append) == "done"
    first, last = said
    assert first.startswith(f"{name} gives no answer")
    assert first.endswith("Waiting for it for up to 120 s.")
    assert last.startswith(f"{name} answers again after ")


def test_after_the_bound_it_gives_up_with_a_sentence() -> None:
    said: list[str] = []
    act = returning(ABSENT["The store"], 99)
    with pytest.raises(StoreUnavailable, match="answers in time, here within 1 s; got no conn"):
        over_a_restart(act, said.append, patience=1)
    assert len(said) == 1


def test_what_is_no_absence_is_raised_at_once() -> None:
    said: list[str] = []
    with pytest.raises(NotFound):
        over_a_restart(returning(NotFound("a", "it is there"), 1), said.append)
    assert said == []


def test_the_wait_begins_anew_with_each_silence() -> None:
    absence, error = Absence([].append, patience=1), Unreachable("Prefect", "it answers")
    for _ in range(4):
        absence.bear(error)
        absence.end()
    with pytest.raises(Unreachable):
        for _ in range(4):
            absence.bear(error)


def test_of_a_stack_that_was_stopped_nothing_comes_back(home: Path) -> None:
    folder, said = Folder.at(home), list[str]()
    folder.make()
    folder.secrets.touch()
    with pytest.raises(StoreUnavailable):
        over_a_restart(returning(ABSENT["The store"], 1), said.append)
    assert said == []
    folder.wanted.touch()
    assert over_a_restart(returning(ABSENT["The store"], 1), said.append) == "done"


@pytest.mark.system
def test_a_file_is_sent_over_the_restart_of_the_store(short_home: Path, tmp_path: Path) -> None:
    path, said, keys = tmp_path / "a.csv", list[str](), list[str]()
    path.write_text("a,b\n1,2\n")
    with running_s3(short_home / "restarted") as server:
        bucket = S3Bucket(server.settings)
    toy = toy_workspace(tmp_path)
    workspace = replace(toy, bucket=bucket)
    sending = threading.Thread(target=lambda: keys.append(upload(workspace, path, said.append)))
    sending.start()
    poll(lambda: bool(said), 30, "the command to say what it waits for")
    with running_s3(short_home / "restarted", again=server):
        sending.join(60)
        assert bucket.get(keys[0]) == path.read_bytes()
    waited, back, *_ = said
    assert waited.startswith("The store gives no answer (no connection).")
    assert back.startswith("The store answers again after ")
