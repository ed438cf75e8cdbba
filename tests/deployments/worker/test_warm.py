"""The warm worker runs, cancels and survives as the process worker does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest
from prefect.states import Cancelling

from deployments.local.processes import is_alive, runs_a_flow
from deployments.prefect_api import open_client
from deployments.worker.kind import job_template
from tasks.reconciliation.attempts import is_at_fault, tell_end
from tasks.settings import REPOSITORY
from tests.deployments.worker.conftest import Warm, told, warm_worker
from tests.orchestration import Orchestrator
from tests.servers import poll

pytestmark = pytest.mark.system
BUCKETS = (
    b"<?xml version='1.0'?><ListAllMyBucketsResult><Buckets><Bucket><Name>mine</Name></Bucket>"
    b"</Buckets></ListAllMyBucketsResult>"
)


def gone(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return not is_alive(psutil.Process(pid))
    return True


@pytest.fixture
def bucket() -> Iterator[str]:
    """Yield the address of a server that lists one bucket."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(BUCKETS)))
            self.end_headers()
            self.wfile.write(BUCKETS)

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_run_is_a_process_of_its_own(
    warm: Warm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [warm.run("tell", folder=str(tmp_path), name=name) for name in ("first", "second")]
    assert [run.state.name for run in runs] == ["Completed", "Completed"]
    first, second = (told(tmp_path, name) for name in ("first", "second"))
    with capsys.disabled():
        delay = first["now"] - runs[0].created.timestamp()
        print(f"\ncreated to first line {delay:.2f} s; own CPU {first['cpu']:.2f} s")
    assert first["pid"] == first["group"] != second["pid"]
    assert first["random"] != second["random"]
    assert first["preloaded"]
    assert first["main"]
    assert first["interrupt"]
    assert first["word"] == "of the worker"
    assert not first["has_keys"], "no flow of ours gets no key of the store"
    assert first["argv"][1:] == []
    poll(lambda: not Path(first["directory"]).exists(), 20, "the end of its folder")
    assert "first line" in warm.log.read_text()
    poll(lambda: gone(second["pid"]), 20, "the end of the process")


def test_libraries_with_threads_work(warm: Warm, tmp_path: Path, bucket: str) -> None:
    run = warm.run("learn", folder=str(tmp_path), endpoint=bucket)
    assert run.state.name == "Completed", run.state.message
    found = told(tmp_path, "learned")
    assert found["accuracy"] > 0.6
    assert found["total"] == pytest.approx(found["expected"])
    assert (found["rows"], found["buckets"]) == (5000, ["mine"])
    assert not Path(found["spill"]).exists()


@pytest.mark.parametrize(("how", "status"), [("exit", "9"), ("kill", "-9")])
def test_a_process_that_dies_is_a_crashed_run(warm: Warm, how: str, status: str) -> None:
    run = warm.run("vanish", how=how)
    assert run.state.name == "Crashed"
    assert f"status code: {status}." in run.state.message
    assert is_at_fault("CRASHED", run.state.message)
    killed = "the run was killed, as the system does where memory runs out"
    assert (tell_end("CRASHED", run.state.message) == killed) is (how == "kill")


def test_cancelling_ends_the_whole_process_group(warm: Warm, tmp_path: Path) -> None:
    run = warm.start("linger", folder=str(tmp_path))
    found = told(tmp_path, "lingers")
    with open_client(warm.settings) as client:
        client.set_flow_run_state(run, Cancelling(), force=True)
    assert warm.ended(run).state.name == "Cancelled"
    poll(lambda: gone(found["pid"]) and gone(found["child"]), 60, "the end of the group")
    assert not (tmp_path / "lingered").exists()


def test_two_runs_at_once(warm: Warm, tmp_path: Path) -> None:
    names = (("a", "b"), ("b", "a"))
    runs = [warm.start("meet", folder=str(tmp_path), mine=a, other=b) for a, b in names]
    assert [warm.ended(run).state.name for run in runs] == ["Completed", "Completed"]


def test_what_cannot_be_forked_starts_in_a_new_process(warm: Warm, tmp_path: Path) -> None:
    run = warm.run("tell", "cold", folder=str(tmp_path))
    assert run.state.name == "Completed"
    assert not told(tmp_path, "told")["preloaded"]


def test_a_run_with_a_command_of_its_own_is_refused(warm: Warm, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    with open_client(warm.settings) as client:
        there = client.read_deployment_by_name("tell/example")
        told = {"folder": str(tmp_path), "name": "ran"}
        mine = {"command": f"touch {ran}"}
        run = client.create_flow_run_from_deployment(there.id, parameters=told, job_variables=mine)
    state = warm.ended(str(run.id)).state
    assert state.name == "Crashed"
    assert "a run brings nothing of its own but its parameters; got command" in state.message
    assert not ran.exists()


def test_the_pool_of_a_worker_takes_nothing_from_a_run(warm: Warm) -> None:
    with open_client(warm.settings) as client:
        assert client.read_work_pool("perennial").base_job_template == job_template()


def test_an_idle_worker_has_the_deployments_written_rarely(warm: Warm) -> None:
    polled, until = set(), time.monotonic() + 6
    with open_client(warm.settings) as client:
        while time.monotonic() < until:
            polled.add(client.read_deployment_by_name("tell/example").last_polled)
            time.sleep(0.3)
    assert len(polled) <= 2


def test_a_forkserver_that_was_killed_costs_no_run(warm: Warm, tmp_path: Path) -> None:
    for each in warm.forkservers():
        each.kill()
    run = warm.run("tell", folder=str(tmp_path))
    assert run.state.name == "Completed"


def test_a_run_outlives_its_worker_and_the_forkserver_does_not(
    deployed: Orchestrator, tmp_path: Path
) -> None:
    """On a pool of Prefect's own type."""
    preload = "tests.deployments.worker.examples"
    with warm_worker(deployed, tmp_path / "log", preload, "plain") as warm:
        run = warm.start("linger", "elsewhere", folder=str(tmp_path), seconds=4)
        flow = psutil.Process(told(tmp_path, "lingers")["pid"])
        servers = warm.forkservers()
        assert len(servers) == 1
        warm.process.send_signal(signal.SIGKILL)
        warm.process.wait()
        poll(lambda: not any(map(is_alive, servers)), 20, "the end of the forkservers")
        assert runs_a_flow(flow)
        assert warm.ended(run).state.name == "Completed"
        told(tmp_path, "lingered")


def test_a_worker_that_is_stopped_ends_its_runs(deployed: Orchestrator, tmp_path: Path) -> None:
    preload = "tests.deployments.worker.examples"
    with warm_worker(deployed, tmp_path / "log", preload, "plain") as warm:
        run = warm.start("linger", "elsewhere", folder=str(tmp_path))
        found = told(tmp_path, "lingers")
        servers = warm.forkservers()
        warm.process.terminate()
        assert warm.process.wait(60) == 0
        poll(lambda: gone(found["pid"]) and gone(found["child"]), 30, "the end of the run")
        assert not any(map(is_alive, servers))
        assert warm.ended(run).state.name == "Crashed"


def test_a_run_has_the_code_that_lies_on_the_disk(deployed: Orchestrator, tmp_path: Path) -> None:
    """Forked before and after the change, and with the rest of the code imported anew."""
    (tmp_path / "spoken.py").write_text("ANSWER = 1")
    preload = "spoken,tests.deployments.worker.examples"
    more = {"PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(tmp_path)))}
    with warm_worker(deployed, tmp_path / "log", preload, "plain", more) as warm:
        assert recited(warm, tmp_path, "before") == {"answer": 1, "forked": True}
        (tmp_path / "spoken.py").write_text("ANSWER = 22")
        assert recited(warm, tmp_path, "after") == {"answer": 22, "forked": True}


def recited(warm: Warm, folder: Path, name: str) -> dict[str, object]:
    run = warm.run("recite", "elsewhere", folder=str(folder), name=name)
    assert run.state.name == "Completed", run.state.message
    facts: dict[str, object] = told(folder, name)
    return facts
