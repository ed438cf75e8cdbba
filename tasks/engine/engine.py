"""Jobs as futures on Dask: results in order, few in flight, and one error when the cluster is gone.

Whatever a job needs beyond a few kilobytes, its worker reads from the bucket itself.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar

from tasks.engine.address import LOCAL, parse_engine
from tasks.engine.call import JobResult, call
from tasks.engine.makeup import makeup_digest
from tasks.errors import EngineError
from tasks.policy.reading import count_text

Say = Callable[[str], None]
Job = TypeVar("Job")
Value = TypeVar("Value")
# Jobs a thread that are handed out: one is worked on, one waits, so that no worker does.
AHEAD = 2
LOOK = 1.0  # seconds between two looks at who is still there
ALONE = 60.0  # seconds without any worker; a restarted one takes some


class Handed(Generic[Value]):
    """A job that was handed out; `Engine.result` waits for it."""

    def __init__(self, future: Any) -> None:
        self.future = future

    def cancel(self) -> None:
        """Give it up; what is being computed is computed to its end."""
        with suppress(Exception):
            self.future.cancel()


class Engine:
    """A cluster that was found to be fit: `width` threads now, `cpu_seconds` spent so far.

    Args:
        client: Dask's, connected.
        where: how the engine is called in errors.
        say: told of workers that came and went.
    """

    def __init__(self, client: Any, where: str, say: Say) -> None:
        self._client, self._where, self._say = client, where, say
        self._digest, self._looked = makeup_digest(), time.monotonic()
        self._workers: set[str] = set()
        self.width, self.cpu_seconds, self.lost_workers = 1, 0.0, 0
        self._look()

    def map(self, function: Callable[[Job], Value], jobs: Iterable[Job]) -> Iterator[Value]:
        """Yield what `function` makes of each job, in order; `width` times two are in flight.

        Raises:
            EngineError: the cluster is lost, or a job killed every worker that took it.
        """
        waiting: deque[Handed[Value]] = deque()
        try:
            for job in jobs:
                waiting.append(self.submit(function, job))
                if len(waiting) >= self.width * AHEAD:
                    yield self.result(waiting.popleft())
            while waiting:
                yield self.result(waiting.popleft())
        finally:
            for handed in waiting:
                handed.cancel()

    def submit(self, function: Callable[[Job], Value], job: Job) -> Handed[Value]:
        """Hand a job out. The function is one of a module, and does what it does at most twice."""
        with self._translated():
            # not pure: Dask would take equal jobs for one, and forget none while one is held
            return Handed(self._client.submit(call, self._digest, function, job, pure=False))

    def result(self, handed: Handed[Value]) -> Value:
        """Wait for a job, and return what came of it; its own error is raised as it is."""
        with self._translated():
            answered = self._wait(handed)
            if time.monotonic() - self._looked >= LOOK:
                self._look()
        self.cpu_seconds += answered.cpu_seconds
        return answered.value

    def _wait(self, handed: Handed[Value]) -> JobResult[Value]:
        alone = 0.0
        while True:
            try:
                # with a bound, or nobody would see that no worker is left
                answered: JobResult[Value] = handed.future.result(timeout=LOOK)
                return answered
            except TimeoutError:
                # of the job itself
                if handed.future.status == "error":
                    raise
            alone = 0.0 if self._look() else alone + LOOK
            if alone >= ALONE:
                raise EngineError(self._where, "workers are there", "none", "Start some.")

    def _look(self) -> dict[str, int]:
        """Return the threads of each worker that is there now, and tell of those that are not."""
        self._looked = time.monotonic()
        threads: dict[str, int] = self._client.nthreads()
        gone = self._workers - threads.keys()
        self._workers = set(threads)
        self.width = max(1, sum(threads.values()))
        if gone:
            self.lost_workers += len(gone)
            count = count_text(len(gone), "worker", "workers")
            self._say(f"{count} of the engine ended; what they had in hand is done again")
        return threads

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        try:
            yield
        except KilledWorker as error:
            rule, came = "a job ends", f"{error.allowed_failures + 1} workers died of it"
            remedy = "Give workers more memory, or fewer threads, and run it again."
            raise EngineError(self._where, rule, came, remedy) from error
        except (CancelledError, CommClosedError, OSError) as error:
            # a job may raise an OSError of its own
            if isinstance(error, OSError) and self._client.status == "running":
                raise
            rule, came = "its scheduler stays", "no connection any more"
            remedy = "Start it, and run it again: what was kept is not done again."
            raise EngineError(self._where, rule, came, remedy) from error


@contextmanager
def open_engine(text: str, say: Say) -> Iterator[Engine | None]:
    """Yield the engine of this name; None for this machine's own processes.

    Raises:
        EngineError: no fit cluster is there.
        ConfigurationError: the certificates for an encrypted one are not told.
    """
    if text == LOCAL:
        yield None
        return
    # Dask takes most of a second to import
    from tasks.engine.cluster import connect

    with connect(parse_engine(text)) as client:
        engine = Engine(client, f"engine {text}", say)
        say(f"Computing on Dask: {count_text(engine.width, 'thread', 'threads')} of {text}")
        yield engine
