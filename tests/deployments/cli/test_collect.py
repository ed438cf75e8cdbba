"""`perennial collect`, and what `status` and `doctor` say of it, on a bucket in a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.cli.main import main
from tests.life import toy_workspace
from tests.tasks.collection.api import Api, serving, toy_rows
from tests.tasks.collection.scenes import landed_ids

FILE = """\
name: toy
task: binary
target: high
event_time: at
data: {suite: tests.suites.toy}
source:
  collect:
    kind: http
    url: URL/pages
    rows: data.items
    paging: {kind: page}
    retries: 0
"""


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as served:
        yield served


@pytest.fixture
def home(home: Path, api: Api) -> Path:
    (home / "pipelines" / "toy.yaml").write_text(FILE.replace("URL", api.url))
    return home


def run(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    said = capsys.readouterr()
    assert ended.value.code == status, said.err
    return said.out if status != 1 or words[0] == "doctor" else said.err


def source_link(capsys: pytest.CaptureFixture[str]) -> Any:
    document = json.loads(run(capsys, "doctor", "toy", "--json", status=1))
    return next(link for link in document["links"] if link["name"] == "source")


def test_a_dry_run_says_what_would_land_and_lands_nothing(
    home: Path, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.rows = toy_rows(25)
    said = run(capsys, "collect", "toy", "--dry-run")
    assert said.startswith("10 rows of ")
    assert "id (integer), at (timestamp), size (number), colour (string), high (integer)." in said
    assert api.asked == ["/pages?page=1"]
    assert list(toy_workspace(home).bucket.list("")) == []
    assert said.endswith("\nEach object has to meet the suite tests.suites.toy.\n")
    api.rows = []
    assert run(capsys, "collect", "toy", "--dry-run").startswith("Nothing new.\n")


def test_what_the_dry_run_says_of_the_suite_works_when_it_is_done(
    home: Path, api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api.rows = toy_rows(60)
    monkeypatch.setenv("PERENNIAL_PROJECT", str(home))
    (home / "perennial.toml").write_text("")
    (home / "pipelines" / "toys.yaml").write_text(
        FILE.replace("URL", api.url).replace("name: toy", "name: toys").replace("data: {", "# ")
    )
    said = run(capsys, "collect", "toys", "--dry-run").splitlines()[-1]
    assert "No row is taken in without the suite expectations.toys, which is not there." in said
    proposed = said.split("`")[1].split()
    assert proposed == ["perennial", "collect", "toys", "--suite"]
    drafted = run(capsys, *proposed[1:])
    assert drafted.splitlines()[0].endswith("toys.py from the first 60 rows. Now it is yours.")
    assert not list(toy_workspace(home).bucket.list("toys/"))
    again = run(capsys, *proposed[1:], status=2)
    assert again == ""
    last = run(capsys, "collect", "toys", "--dry-run").splitlines()[-1]
    assert last == "Each object has to meet the suite expectations.toys."
    *_, onward = drafted.splitlines()
    run(capsys, *onward.removeprefix("Next: perennial ").split())
    assert "accepted" in run(capsys, "ingest", "toys")


def test_status_and_doctor_say_what_went_wrong_and_what_mends_it(
    home: Path, api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.collection.collect import collect
    from tasks.collection.open import open_collector
    from tasks.collection.trouble import counting_failures
    from tasks.errors import PerennialError
    from tasks.settings import Settings
    from tasks.workspace import open_workspace

    def attempt() -> None:
        workspace = open_workspace(Settings.from_environment(), "toy")
        with counting_failures(workspace):
            collect(workspace, open_collector(workspace, lambda _: None), lambda _: None)

    assert (source_link(capsys)["state"], source_link(capsys)["found"]) == (
        "note",
        "never collected",
    )
    api.rows, api.faults = toy_rows(25), ["403"] * 3
    for _ in range(3):
        with pytest.raises(PerennialError):
            attempt()
    told = source_link(capsys)
    assert told["state"] == "wrong"
    assert "failed 3 times" in told["found"]
    assert "the server lets us in; got status 403" in told["found"]
    assert told["remedy"] == "Mend that, then `perennial collect toy`."
    said = run(capsys, "status")
    assert "a source to mend" in said
    assert said.rstrip().endswith("Mend that, then `perennial collect toy`.")
    attempt()
    assert landed_ids(toy_workspace(home)) == list(range(25))
    assert source_link(capsys)["found"] == "collected just now, 25 rows so far"
    document = json.loads(run(capsys, "status", "--json"))
    assert document["uncollected"] == []
    (stand,) = document["pipelines"]
    assert (stand["collected"]["objects"], stand["collected"]["rows"]) == (1, 25)
