"""A forkserver forks, tells the ends, starts no thread, and is never older than the code."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from deployments.local.environment import OFFLINE
from deployments.local.processes import is_alive
from deployments.worker.forkserver import Forkserver, ForkserverLost
from deployments.worker.kind import RUN_NAME
from deployments.worker.modules import Preload, everything
from tasks.settings import REPOSITORY
from tests.servers import poll

HERE = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **OFFLINE}
BAD = {**HERE, "PREFECT__FLOW_RUN_ID": "no run"}
Work = Callable[[Forkserver, Path], Awaitable[None]]
STUB = """
import os
from pathlib import Path
from deployments.worker import child
def status():
    from changing import code
    Path(os.environ["OUT"]).write_text(code.ANSWER)
    return 0
child._status_of_the_engine = status
"""


def patiently(work: Work, preload: Preload, folder: Path) -> None:
    """Do `work` in a process of its own: the forkserver is one a process, with its environment."""
    process = multiprocessing.get_context("spawn").Process(
        target=_work, args=(work, preload, folder)
    )
    process.start()
    process.join(280)
    assert process.exitcode == 0


def _work(work: Work, preload: Preload, folder: Path) -> None:
    async def whole() -> None:
        server = Forkserver(preload, folder / "address")
        await server.start()
        await work(server, folder)
        server.close()
        assert not psutil.pid_exists(server.pid) or not is_alive(psutil.Process(server.pid))

    os.environ.clear()
    os.environ.update({**HERE, "PYTHONPATH": str(REPOSITORY)})
    sys.path.insert(0, str(folder))
    asyncio.run(asyncio.wait_for(whole(), 270))


def test_the_end_of_each_child_is_told(tmp_path: Path) -> None:
    patiently(_fork_one_that_fails, Preload(("prefect.engine",), ()), tmp_path)


async def _fork_one_that_fails(server: Forkserver, folder: Path) -> None:
    failed = await server.fork(str(folder), BAD)
    assert await failed.wait() == 1
    assert not server.children


def test_a_module_that_cannot_be_imported_stops_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit(7)")
    patiently(_load_what_fails, Preload(("broken", "nowhere", "json"), ("csv",)), tmp_path)
    assert "No module named 'nowhere'" in capfd.readouterr().err


async def _load_what_fails(server: Forkserver, folder: Path) -> None:
    told = await server.loaded()
    assert told["failed"] == ["broken", "nowhere"]
    assert told["loaded"] == 4
    failed = await server.fork(str(folder), BAD)
    assert await failed.wait() == 1


def test_a_killed_forkserver_is_told_and_so_is_the_end_of_its_child(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\nfrom deployments.worker import child\n"
        "child._status_of_the_engine = lambda: time.sleep(600)\n"
    )
    patiently(_kill_the_forkserver, Preload(("slow",), ()), tmp_path)


async def _kill_the_forkserver(server: Forkserver, folder: Path) -> None:
    run = await server.fork(str(folder), HERE)
    process = psutil.Process(run.pid)
    await asyncio.to_thread(poll, lambda: process.name() == RUN_NAME, 20, "the name")
    os.kill(server.pid, signal.SIGKILL)
    await asyncio.to_thread(
        poll, lambda: not is_alive(psutil.Process(server.pid)), 20, "the end of the forkserver"
    )
    assert is_alive(process)
    with pytest.raises(ForkserverLost, match="soon after"):
        await server.fork(str(folder), HERE)
    process.kill()
    assert await run.wait() != 0


def test_a_change_of_the_code_is_what_the_next_run_has(tmp_path: Path) -> None:
    (tmp_path / "stub.py").write_text(STUB)
    package = tmp_path / "changing"
    package.mkdir()
    (package / "code.py").write_text("ANSWER = '1'")
    patiently(_change_the_code, Preload(("stub",), ("changing.code",)), tmp_path)


async def _change_the_code(server: Forkserver, folder: Path) -> None:
    async def answer() -> str:
        run = await server.fork(str(folder), {**HERE, "OUT": str(folder / "out")})
        assert await run.wait() == 0
        return (folder / "out").read_text()

    assert (await server.loaded())["failed"] == []
    first = server.pid
    assert await answer() == "1"
    (folder / "changing" / "code.py").write_text("ANSWER = '22'")
    assert await answer() == "22"
    assert server.pid == first


def test_new_libraries_are_preloaded_once_no_run_is_left(tmp_path: Path) -> None:
    (tmp_path / "stub.py").write_text(STUB)
    (tmp_path / "changing").mkdir()
    (tmp_path / "changing" / "code.py").write_text("import time\ntime.sleep(600)")
    patiently(_change_the_libraries, Preload(("stub",), ()), tmp_path)


async def _change_the_libraries(server: Forkserver, folder: Path) -> None:
    run = await server.fork(str(folder), {**HERE, "OUT": str(folder / "out")})
    first = server.pid
    server._installed -= 1
    with pytest.raises(ForkserverLost, match="replaced"):
        await server.fork(str(folder), BAD)
    await run.end()
    (folder / "changing" / "code.py").write_text("ANSWER = '1'")
    told = {**HERE, "OUT": str(folder / "out")}
    # that the run has ended is heard a moment later
    while (run := await _fork_or_none(server, folder, told)) is None:
        await asyncio.sleep(0.05)
    assert await run.wait() == 0
    assert server.pid != first


async def _fork_or_none(server: Forkserver, folder: Path, told: dict[str, str]) -> Any:
    with suppress(ForkserverLost):
        return await server.fork(str(folder), told)
    return None


@pytest.mark.system
@pytest.mark.soak
def test_no_library_that_is_preloaded_starts_a_thread_of_python(tmp_path: Path) -> None:
    """All of them at once; also the slowest test here."""
    patiently(_load_everything, everything(), tmp_path)


async def _load_everything(server: Forkserver, folder: Path) -> None:
    told = await server.loaded()
    assert told["failed"] == []
    assert told["threads"] == 1
    tasks = Path(f"/proc/{server.pid}/task")
    names = {(task / "comm").read_text().strip() for task in tasks.iterdir()}
    assert names <= {"python", "jemalloc_bg_thd", "polars-ooc-clea"}, names
    maps = Path(f"/proc/{server.pid}/maps").read_text()
    assert "onnxruntime" not in maps
    run = await server.fork(str(folder), BAD)
    assert await run.wait() == 1
