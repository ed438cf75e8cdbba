"""A forkserver forks, tells the ends, starts no thread, and is replaced when the code changes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from pathlib import Path

import psutil
import pytest

from deployments.local.environment import OFFLINE
from deployments.local.processes import alive
from deployments.worker.forked import Forkserver, ForkserverLost
from deployments.worker.keeper import Keeper
from deployments.worker.kind import RUN_NAME
from deployments.worker.modules import Preload, everything
from tests.servers import poll

HERE = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **OFFLINE}
BAD = {**HERE, "PREFECT__FLOW_RUN_ID": "no run"}
STUB = """
import os
from pathlib import Path
from deployments.worker import child
def status():
    Path(os.environ["OUT"]).write_text("{answer}")
    return 0
child._status_of_the_engine = status
"""


def patiently(work: Coroutine[None, None, None]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(work, 400)

    asyncio.run(limited())


def test_the_end_of_each_child_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        server = await Forkserver.start(["prefect.engine"], HERE)
        await server.loaded.wait()
        failed = await server.fork("a", str(tmp_path), BAD)
        assert await failed.wait() == 1
        await server.close()

    patiently(work())


def test_a_module_that_cannot_be_imported_stops_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit(7)")

    async def work() -> None:
        environment = {**HERE, "PYTHONPATH": str(tmp_path)}
        server = await Forkserver.start(["broken", "nowhere", "json"], environment)
        await server.loaded.wait()
        assert server.told["failed"] == ["broken", "nowhere"]
        branch = await server.branch(["csv"])
        await branch.loaded.wait()
        await branch.close()
        await server.close()

    patiently(work())
    assert "No module named 'nowhere'" in capfd.readouterr().err


def test_a_killed_forkserver_is_told_and_so_is_the_end_of_its_child(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\nfrom deployments.worker import child\n"
        "child._status_of_the_engine = lambda: time.sleep(600)\n"
    )

    async def work() -> None:
        environment = {**HERE, "PYTHONPATH": str(tmp_path)}
        server = await Forkserver.start(["prefect", "slow"], environment)
        await server.loaded.wait()
        branch = await server.branch([])
        run = await branch.fork("a", str(tmp_path), HERE)
        process = psutil.Process(run.pid)
        await asyncio.to_thread(poll, lambda: process.name() == RUN_NAME, 20, "the name")
        os.kill(server.pid, signal.SIGKILL)
        while not branch.lost:
            await asyncio.sleep(0.05)
        assert alive(process)
        with pytest.raises(ForkserverLost):
            await branch.fork("b", str(tmp_path), HERE)
        process.kill()
        assert await run.wait() != 0
        await branch.close()
        await server.close()

    patiently(work())


def test_a_change_of_the_code_replaces_what_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "changing"
    package.mkdir()
    out = tmp_path / "out"
    environment = {**HERE, "PYTHONPATH": str(tmp_path)}

    async def answer(keeper: Keeper) -> str:
        run = await keeper.fork("run", str(tmp_path), {**environment, "OUT": str(out)})
        await run.wait()
        return out.read_text()

    async def work() -> None:
        keeper = Keeper(Preload(("prefect",), ("changing.code",)), environment)
        server = await keeper.refresh()
        await server.loaded.wait()
        assert await answer(keeper) == "1"
        first = await keeper.refresh()
        assert await keeper.refresh() is first
        assert first is not keeper.trunk
        (package / "code.py").write_text(STUB.format(answer="22"))
        assert await answer(keeper) == "22"
        assert await keeper.refresh() is not first
        while not first.lost:
            await asyncio.sleep(0.05)
        assert keeper.trunk is server
        await keeper.close()
        assert not psutil.pid_exists(server.pid)

    (package / "code.py").write_text(STUB.format(answer="1"))
    patiently(work())


@pytest.mark.system
def test_no_library_that_is_preloaded_starts_a_thread_of_python(tmp_path: Path) -> None:
    """All of them at once; also the slowest test here."""

    async def work() -> None:
        preload = everything()
        server = await Forkserver.start([*preload.libraries, *preload.code], HERE)
        await server.loaded.wait()
        assert server.told["failed"] == []
        assert server.told["threads"] == 1
        folder = Path(f"/proc/{server.pid}/task")
        names = {(each / "comm").read_text().strip() for each in folder.iterdir()}
        assert names <= {"python", "jemalloc_bg_thd", "polars-ooc-clea"}, names
        maps = Path(f"/proc/{server.pid}/maps").read_text()
        assert "onnxruntime" not in maps
        run = await server.fork("a", str(tmp_path), BAD)
        assert await run.wait() == 1
        await server.close()

    patiently(work())
