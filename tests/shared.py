"""Servers that a whole run shares: each starts when a test first needs it, and ends with the run.

The process that outlives every test owns them: xdist's controller, or pytest itself without it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from tests.forks import running_forks
from tests.orchestration import running_prefect
from tests.servers import running_mlflow, running_s3


class Keeper:
    """Owns the servers of a run; `folder` is their home, its path short enough for a socket."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pn-"))
        self._over = Event()
        self._lock = Lock()
        self._listener: Listener | None = None
        self._servers: dict[str, tuple[Thread, Future[Any]]] = {}
        self._start: dict[str, Callable[[], AbstractContextManager[Any]]] = {
            "s3": lambda: running_s3(self.folder / "s3"),
            "mlflow": lambda: running_mlflow(self.folder / "mlflow", self.server("s3")),
            "prefect": lambda: running_prefect(self.folder / "prefect"),
            "forks": lambda: running_forks(self.folder / "forks"),
        }

    def server(self, name: str) -> Any:
        """Return a server, after its start where nobody asked for it yet.

        Raises:
            AssertionError: it did not start, now or when it was first asked for.
        """
        with self._lock:
            if name not in self._servers:
                started: Future[Any] = Future()
                thread = Thread(target=self._run, args=(name, started), daemon=True)
                self._servers[name] = (thread, started)
                thread.start()
        return self._servers[name][1].result()

    def answer_workers(self) -> None:
        """Answer what an `Asker` asks in other processes, until the end."""
        if self._listener is None:
            self._listener = Listener(str(self.folder / "ask"), "AF_UNIX")
            Thread(target=self._answer, args=(self._listener,), daemon=True).start()

    def end(self) -> None:
        """End every server that was started, the last one first."""
        self._over.set()
        if self._listener is not None:
            self._listener.close()
        for thread, _ in reversed(self._servers.values()):
            thread.join()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, started: Future[Any]) -> None:
        # The thread stays for as long as its server: PR_SET_PDEATHSIG tells of the death of the
        # thread that forked, not of its process, see prctl(2).
        try:
            with self._start[name]() as server:
                started.set_result(server)
                self._over.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    def _answer(self, listener: Listener) -> None:
        while not self._over.is_set():
            with suppress(OSError):  # it is closed at the end
                connection = listener.accept()
                Thread(target=self._tell, args=(connection,), daemon=True).start()

    def _tell(self, connection: Connection[Any, Any]) -> None:
        with connection:
            try:
                connection.send(self.server(connection.recv()))
            except AssertionError as error:
                connection.send(error)


class Asker:
    """A worker's side: asks the keeper in xdist's controller, by the socket in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def server(self, name: str) -> Any:
        """Return a server as the keeper has it; raises what the keeper raised."""
        with Client(str(self.folder / "ask"), "AF_UNIX") as connection:
            connection.send(name)
            told = connection.recv()
        if isinstance(told, AssertionError):
            raise told
        return told
