"""What the stack does on this machine, short of starting its servers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from deployments.linux import bear
from deployments.local import connection, secrets, stack
from deployments.local.access import TOLD
from deployments.local.connection import connect
from deployments.local.doctor import check_disk, check_processes, check_versions
from deployments.local.folder import Folder, Memory, recall, remember, update_memory, write
from deployments.local.logs import rotate, tail
from deployments.local.older import runs_without_keys
from deployments.local.ports import Ports
from deployments.local.processes import (
    FLOW_RUN,
    end,
    find_marked,
    find_running,
    holders,
    is_free,
    read_started,
    record,
    runs_a_flow,
)
from deployments.local.programs import HOME_MARK, PROGRAM_MARK
from deployments.local.secrets import render
from deployments.local.supervise import lock
from deployments.worker.kind import RUN_NAME
from tasks.errors import StackError
from tests.servers import any_free_offset, poll


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder.at(tmp_path / "home")
    made.make()
    return made


def say(_line: str) -> None:
    """Say nothing."""


def test_the_holder_of_a_port_is_named(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    (holder,) = holders([port])
    assert (holder.port, holder.pid) == (port, os.getpid())
    assert not is_free(port)


def test_a_taken_port_stops_up_before_anything_starts(tmp_path: Path) -> None:
    offset = any_free_offset()
    port = Ports.shifted(offset).mlflow
    home = tmp_path / "home"
    with socket.create_server(("127.0.0.1", port)), pytest.raises(StackError) as refused:
        stack.up(home, offset, say)
    assert f"{port} held by" in str(refused.value)
    assert f"pid {os.getpid()}" in str(refused.value)
    assert "--port-offset" in refused.value.remedy
    assert list(find_marked(Folder.at(home))) == []
    assert recall(Folder.at(home)) == Memory()


def test_secrets_are_generated_once_for_this_user_only(folder: Folder) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: secrets.ensure(folder.secrets), range(16)))
    assert all(each == found[0] for each in found)
    assert folder.secrets.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in folder.root.iterdir() if each.name.startswith(".")] == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_secrets_that_others_can_read_are_refused(folder: Folder, mode: int) -> None:
    secrets.ensure(folder.secrets)
    folder.secrets.chmod(mode)
    with pytest.raises(StackError, match="chmod 600"):
        secrets.read(folder.secrets)
    with pytest.raises(StackError, match="chmod 600"):
        stack.status(folder.root)


def test_a_link_or_a_damaged_file_is_no_secret(folder: Folder, tmp_path: Path) -> None:
    folder.secrets.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("A=1\n")
    with pytest.raises(StackError, match="plain file"):
        secrets.ensure(folder.secrets)
    folder.secrets.unlink()
    folder.secrets.touch(mode=0o600)
    folder.secrets.write_text("nonsense\n")
    with pytest.raises(StackError, match="line 1"):
        secrets.ensure(folder.secrets)


def test_a_key_that_a_newer_version_needs_is_added(folder: Folder) -> None:
    before = secrets.ensure(folder.secrets)
    kept = {name: value for name, value in before.items() if name != "PERENNIAL_SIGNING_KEY"}
    folder.secrets.write_text(secrets.render(kept))
    after = secrets.ensure(folder.secrets)
    assert {name: after[name] for name in kept} == kept
    assert after["PERENNIAL_SIGNING_KEY"] != before["PERENNIAL_SIGNING_KEY"]


def test_the_offset_is_remembered(folder: Folder) -> None:
    remember(folder, Memory(offset=1200))
    assert stack.status(folder.root).addresses["mlflow"] == "http://127.0.0.1:6200"
    assert update_memory(recall(folder), None, {}).offset == 1200
    folder.memory.write_text("{}")
    with pytest.raises(StackError, match="Remove the file"):
        recall(folder)


def test_a_home_that_is_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StackError, match="PERENNIAL_HOME"):
        stack.up(tmp_path / "home", 0, say)
    monkeypatch.setenv("PERENNIAL_BUCKET", (tmp_path / "bucket").as_uri())
    with pytest.raises(StackError, match="PERENNIAL_HOME"):
        connect(tmp_path / "home")


def test_a_stack_that_never_ran_is_down_and_can_be_stopped(tmp_path: Path) -> None:
    home = tmp_path / "never"
    status = stack.status(home)
    assert {each.state for each in status.programs} == {"down"}
    assert not status.green
    stack.down(home, say)
    assert not home.exists()


def test_connect_needs_a_stack_or_other_servers(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StackError, match="perennial up"):
        connect(folder.root)
    for name in connection.ELSEWHERE:
        monkeypatch.setenv(name, "theirs")
    connect(folder.root)
    assert os.environ["AWS_ENDPOINT_URL"] == "theirs"


def test_connect_sets_what_is_not_set(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.ensure(folder.secrets)
    for name in connection.environment(folder.root):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://team")
    monkeypatch.setenv("AWS_PROFILE", "work")
    with monkeypatch.context() as undo:
        for name in connection.environment(folder.root):
            undo.setenv(name, os.environ.get(name, ""))
        connect(folder.root)
        assert os.environ["MLFLOW_TRACKING_URI"] == "http://team"
        assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:8333"
        assert "AWS_PROFILE" not in os.environ
        undo.setenv("AWS_PROFILE", "work")


def test_the_doctor_works_before_the_first_start(tmp_path: Path) -> None:
    checks = {each.name: each for each in stack.doctor(tmp_path / "home")}
    assert checks["python"].passed
    assert not checks["settings"].passed
    assert "perennial up" in checks["settings"].remedy
    assert not (tmp_path / "home").exists()


def test_checks_say_what_to_do(tmp_path: Path, folder: Folder) -> None:
    (tmp_path / "lock").write_text("no-such-package==1\n")
    versions = check_versions(tmp_path / "lock")
    assert (versions.passed, "no-such-package is missing" in versions.detail) == (False, True)
    assert not check_versions(tmp_path / "absent").passed
    processes = check_processes(stack.status(folder.root))
    assert (processes.detail, processes.remedy) == ("the stack is down", "Run `perennial up`.")
    assert "GiB free" in check_disk(Folder(tmp_path / "a" / "b")).detail


Sleeper = Callable[[Mapping[str, str]], subprocess.Popen[bytes]]


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    """Yield a function that starts a process which only waits, with more in its environment."""
    begun: list[subprocess.Popen[bytes]] = []
    waiting = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]

    def start(marks: Mapping[str, str]) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(waiting, env={**os.environ, **marks}, stdin=pipe, stdout=pipe)
        begun.append(process)
        assert process.stdout is not None
        process.stdout.read(1)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def test_marked_processes_are_found_and_ended_and_no_others(
    folder: Folder, sleeper: Sleeper
) -> None:
    ours = sleeper({HOME_MARK: str(folder.root), PROGRAM_MARK: "mlflow"})
    others = [sleeper({}), sleeper({HOME_MARK: "/another", PROGRAM_MARK: "mlflow"})]
    record(folder, "mlflow", ours.pid)
    found = find_running(folder, "mlflow")
    assert found is not None
    assert found.pid == ours.pid
    assert [each.pid for each in find_marked(folder, "mlflow")] == [ours.pid]
    assert list(find_marked(folder, "prefect")) == []
    assert end(find_marked(folder), grace=5) == 1
    assert ours.wait(30) is not None
    assert [each.poll() for each in others] == [None, None]
    assert find_running(folder, "mlflow") is None


@pytest.mark.parametrize(("line", "older"), [("", True), ("a:b", True), ("c:d", False)])
def test_a_server_of_a_release_without_passwords_is_known(
    folder: Folder, sleeper: Sleeper, line: str, older: bool
) -> None:
    write(folder.secrets, render({"PREFECT_SERVER_API_AUTH_STRING": "c:d"}))
    assert not runs_without_keys(folder)
    given = dict.fromkeys(("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"), line)
    marks = {HOME_MARK: str(folder.root), PROGRAM_MARK: "prefect"}
    record(folder, "prefect", sleeper({**marks, **given}).pid)
    assert runs_without_keys(folder) == older


def test_a_home_of_an_older_release_can_be_looked_at_and_used(folder: Folder) -> None:
    older = {name: make() for name, make in secrets.GENERATORS.items() if name not in TOLD}
    write(folder.secrets, render(older))
    assert {each.state for each in stack.status(folder.root).programs} == {"down"}
    assert connection.environment(folder.root)["MLFLOW_TRACKING_PASSWORD"] == ""
    assert secrets.ensure(folder.secrets).items() > older.items()
    assert stack.access(folder.root).viewer


def test_a_number_that_another_process_bears_now_is_not_ours(folder: Folder) -> None:
    record(folder, "mlflow", os.getpid())
    record(folder, "mlflow", os.getpid())
    assert find_running(folder, "mlflow") is None
    known = read_started(folder, "mlflow")
    assert known is not None
    assert known.starts == 2


def test_one_command_at_a_time(folder: Folder) -> None:
    with (
        lock(folder, patience=1),
        pytest.raises(StackError, match="one command"),
        lock(folder, patience=0),
    ):
        pytest.fail("two held the lock")
    with lock(folder, patience=0):
        pass


def test_a_log_is_emptied_in_place_and_its_copies_counted(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("a") as writer:
        for number in range(5):
            writer.write(f"line {number}\n" * 10)
            writer.flush()
            rotate([log, tmp_path / "absent"], largest=50, kept=3)
        writer.write("last\n")
        writer.flush()
        assert log.read_text() == "last\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "a.log",
        "a.log.1",
        "a.log.2",
        "a.log.3",
    ]
    assert tail(tmp_path / "a.log.1", lines=2) == "line 4\nline 4"
    assert tail(tmp_path / "absent") == ""


def test_importing_the_stack_loads_no_heavy_library() -> None:
    heavy = {"mlflow", "prefect", "boto3", "pandas", "great_expectations"}
    code = f"import sys, deployments.local.stack; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_launcher_ends_what_an_earlier_start_left(folder: Folder, sleeper: Sleeper) -> None:
    secrets.ensure(folder.secrets)
    marks = {HOME_MARK: str(folder.root), PROGRAM_MARK: "guard"}
    left = sleeper(marks)
    launch = [sys.executable, "-m", "deployments.local.launch"]
    subprocess.run(launch, env={**os.environ, **marks}, check=True, timeout=30)
    poll(lambda: left.poll() is not None, 10, "the end of the old guard")
    known = read_started(folder, "guard")
    assert known is not None
    assert known.starts == 1


def test_a_flow_run_outlives_its_worker(sleeper: Sleeper) -> None:
    flow, other = sleeper({FLOW_RUN: "1"}), sleeper({})
    forked = os.fork()
    if forked == 0:
        bear(RUN_NAME)
        time.sleep(60)  # until it is killed; with an end, should the test fail before that
        os._exit(0)
    poll(lambda: runs_a_flow(psutil.Process(forked)), 10, "the forked run's name")
    os.kill(forked, signal.SIGKILL)
    os.waitpid(forked, 0)
    assert runs_a_flow(psutil.Process(flow.pid))
    assert not runs_a_flow(psutil.Process(other.pid))
