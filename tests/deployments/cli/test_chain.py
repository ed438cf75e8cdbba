"""`perennial doctor NAME` and the pipelines of `perennial status`, on a bucket in a folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deployments.apply.plan import DeploymentSpec, Plan
from deployments.cli.chain import count_differences, look_at_serving, tell_chain
from deployments.cli.main import main
from tasks.promotion import pointer
from tasks.reconciliation.chain import ChainLink
from tasks.signatures import Keyring
from tasks.store.layout import Layout
from tasks.workspace import Place
from tests import life
from tests.buckets import local

FILE = "name: toy\ntask: binary\ntarget: high\nevent_time: at\nkey: [id]\n"
GREET = DeploymentSpec("train", "toy", "flows.training.train")
SUITE = "data: {suite: tests.suites.toy}\n"


@pytest.fixture
def home(home: Path) -> Path:
    (home / "pipelines" / "toy.yaml").write_text(FILE + SUITE)
    return home


def run(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    said = capsys.readouterr()
    assert ended.value.code == status, said.err
    return said.out


def first(capsys: pytest.CaptureFixture[str], status: int = 1) -> Any:
    return json.loads(run(capsys, "doctor", "toy", "--json", status=status))["first"]


def test_the_doctor_says_the_first_broken_link_and_what_mends_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run(capsys, "doctor", "toy", status=1)
    assert said.endswith("First: curated: no batch was accepted. `perennial ingest toy FILE`\n")
    file = home / "pipelines" / "toy.yaml"
    file.write_text(FILE + SUITE + "trainig: {trials: 3}\n")
    assert first(capsys)["name"] == "file"
    assert "Did you mean training?" in first(capsys)["found"]
    file.write_text(FILE + "data: {suite: tests.suites.nowhere}\n")
    assert (first(capsys)["name"], "tests/suites/nowhere.py" in first(capsys)["remedy"]) == (
        "suite",
        True,
    )


def test_status_shows_each_pipeline_and_what_waits(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = life.toy_workspace(home, gate={"min_gain": -1})
    life.ingest(workspace, "a.csv", life.toy_rows(600))
    life.train(workspace, told=False)
    life.ingest(workspace, "b.csv", life.toy_rows(200, start=600))
    life.monitor(workspace)
    (line,) = [line for line in run(capsys, "status").splitlines() if line.startswith("toy")]
    assert line.split()[1:3] == ["version", "1"]
    assert "roc_auc 0." in line
    assert line.endswith("nothing")
    (told,) = json.loads(run(capsys, "status", "--json"))["pipelines"]
    assert (told["champion"], told["rows"], told["batches"], told["waits"]) == (1, 800, 2, [])
    assert first(capsys, status=0) is None


def test_what_is_to_be_looked_at_is_named_where_nothing_is_broken() -> None:
    links = [ChainLink("file", "ok", "valid"), ChainLink("quarantine", "note", "1 refused")]
    assert tell_chain("toy", links).endswith("Nothing of toy is broken; look at: quarantine.")
    assert tell_chain("toy", links[:1]).endswith("toy is well.")


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (Plan(automations={"update": ["a"]}), "of the automations, 0 are missing, 1 differs"),
        (Plan(create=(GREET,)), "of the deployments, 1 is missing, 0 differ"),
    ],
)
def test_automations_are_counted_as_deployments_are(plan: Plan, told: str) -> None:
    assert count_differences(plan) == told


def test_a_pipeline_that_cannot_be_read_hides_no_other_in_status(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "pipelines" / "fine.yaml").write_text(FILE.replace("toy", "fine") + SUITE)
    bucket = life.toy_workspace(home).bucket
    bucket.put(Layout("toy").challenger, b"no trial")
    told = json.loads(run(capsys, "status", "--json"))["pipelines"]
    stands = {stand["pipeline"]: stand for stand in told}
    assert Layout("toy").challenger in stands["toy"]["error"]
    assert "error" not in stands["fine"]
    _, first_line, *_ = run(capsys, "status").splitlines()
    assert first_line.split()[:2] == ["fine", "none"]


def test_the_commands_of_the_ways_out(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = life.toy_workspace(home)
    life.ingest(workspace, "a.csv", life.toy_rows(600))
    life.train(workspace, told=False)
    said = run(capsys, "remove", "toy", "a.csv", "--why", "another coding")
    assert said.startswith("a.csv is taken out, 600 rows, and counts in no decision: another")
    assert "Version 1, in service, may have learned from it: `perennial train toy`" in said
    assert run(capsys, "remove", "toy", "a.csv", status=3) == ""
    assert run(capsys, "retry", "toy", "a.csv", status=3) == ""
    assert run(capsys, "delete", "toi", status=2) == ""
    kept = run(capsys, "delete", "toy")
    assert "rename toy.yaml.ended back to toy.yaml" in kept
    assert "Version 1 goes on answering" in kept
    assert not (home / "pipelines" / "toy.yaml").exists()
    assert workspace.ledger.entries()[-1].kind == "end"
    assert run(capsys, "delete", "toy", "--data", "--json", status=2) != "", "it is not confirmed"
    assert workspace.ledger.entries() != ()
    assert "objects are removed" in run(capsys, "delete", "toy", "--data", "--yes")
    assert list(workspace.bucket.list("toy/")) == []


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """Yield the address of a web server that gives the files of a folder."""
    with answering(partial(SimpleHTTPRequestHandler, directory=folder)) as address:
        yield address


@contextmanager
def answering(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """Yield the address of a web server that answers by a handler."""
    there = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=there.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{there.server_port}/"
    finally:
        there.shutdown()
        thread.join()
        there.server_close()


def in_service() -> Place:
    """Return a place whose pointer names version 1."""
    place, now = Place(local(), "toy", Keyring("a signing key")), datetime.now(UTC)
    pointer.swap(place, pointer.Champion(1, "digest", now, "test", "", attempt="a"), None)
    return place


@pytest.mark.parametrize(
    ("content", "state", "told"),
    [
        ('{"version": 1}', "ok", "version 1 answers at http://127.0.0.1"),
        ('{"version": 2}', "wrong", "it answers with version 2, not version 1"),
        ("<html>Welcome</html>", "wrong", "it says 200, not version 1"),
        ('["version"]', "wrong", "it says 200, not version 1"),
    ],
)
def test_whatever_answers_where_serving_should_be_is_told(
    tmp_path: Path, content: str, state: str, told: str
) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "toy").write_text(content)
    with site(tmp_path) as address:
        (link,) = look_at_serving(in_service(), address)
    assert (link.name, link.state) == ("serving", state)
    assert link.found.startswith(told)


@pytest.mark.parametrize(
    ("status", "ping", "state", "told"),
    [
        (200, {"name": "toy", "ready": True}, "ok", "it serves toy, and asks for a key"),
        (503, {"error": "toy is not ready"}, "wrong", "it says: toy is not ready"),
        (401, {"error": "who are you"}, "wrong", "what answers at http"),
        (200, {"status": "ok"}, "wrong", "what answers at http"),
    ],
)
def test_a_server_that_asks_for_a_key_is_ours_where_it_says_what_it_serves(
    status: int, ping: dict[str, Any], state: str, told: str
) -> None:
    class Closed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/toy/ping" else 401)
            self.end_headers()
            self.wfile.write(json.dumps(ping).encode())

    with answering(Closed) as address:
        (link,) = look_at_serving(in_service(), address)
    assert (link.state, link.found.startswith(told)) == (state, True)


def test_an_address_that_is_none_is_told() -> None:
    (link,) = look_at_serving(in_service(), "http://127.0.0.1:none")
    assert (link.state, link.found) == ("wrong", "http://127.0.0.1:none: InvalidURL")
