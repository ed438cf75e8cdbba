"""The launcher ends as its run ends, passes SIGTERM on, and becomes the engine where none forks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployments.local.environment import OFFLINE
from deployments.worker import launch
from tests.servers import poll

COMMAND = (sys.executable, "-I", "-S", launch.__file__)
BAD = {"PATH": os.environ["PATH"], "PREFECT__FLOW_RUN_ID": "no run", **OFFLINE}


@contextmanager
def launched(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """Yield a launcher, and its connection after it asked."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "worker"))
        listener.listen()
        listener.settimeout(20)
        with subprocess.Popen((*COMMAND, str(folder / "worker")), cwd=folder, env=BAD) as process:
            try:
                channel, _ = listener.accept()
                with channel, channel.makefile("rb") as asked:
                    directory, environment = json.loads(asked.readline())
                    assert directory == str(folder.resolve())
                    assert environment["PREFECT__FLOW_RUN_ID"] == "no run"
                    yield process, channel
            finally:
                process.kill()


@pytest.fixture
def run() -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process that leads its group, as a run does."""
    with subprocess.Popen(["sleep", "60"], process_group=0) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("status", [0, 7, -9, -15])
def test_it_ends_as_the_run_ends(tmp_path: Path, run: subprocess.Popen[bytes], status: int) -> None:
    with launched(tmp_path) as (process, channel):
        channel.sendall(b"%d\n%d\n" % (run.pid, status))
        assert process.wait(20) == status


def test_it_passes_on_that_it_shall_end(tmp_path: Path, run: subprocess.Popen[bytes]) -> None:
    with launched(tmp_path) as (process, channel):
        channel.sendall(b"%d\n" % run.pid)
        poll(lambda: handles_sigterm(process.pid), 20, "the handler")
        process.terminate()
        assert run.wait(20) == -signal.SIGTERM
        assert process.poll() is None
        channel.sendall(b"-15\n")
        assert process.wait(20) == -15


def handles_sigterm(pid: int) -> bool:
    """Return whether a process has a handler of its own for SIGTERM."""
    caught = Path(f"/proc/{pid}/status").read_text().partition("SigCgt:")[2].split()[0]
    return bool(int(caught, 16) >> signal.SIGTERM - 1 & 1)


def test_it_waits_for_the_run_where_the_worker_is_killed(
    tmp_path: Path, run: subprocess.Popen[bytes]
) -> None:
    with launched(tmp_path) as (process, channel):
        channel.sendall(b"%d\n" % run.pid)
        channel.shutdown(socket.SHUT_RDWR)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        run.kill()
        run.wait()
        assert process.wait(20) == 1


def test_it_becomes_the_engine_where_nothing_forks(tmp_path: Path) -> None:
    done = subprocess.run(
        (*COMMAND, str(tmp_path / "nobody")),
        cwd=tmp_path,
        env={**BAD, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "prefect" in done.stderr
    assert "Invalid flow run id" in done.stderr + done.stdout
