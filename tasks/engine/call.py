"""How a worker computes a job: alone on its thread, and only with the client's own makeup."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tasks.engine.makeup import makeup_digest
from tasks.errors import EngineError

Job = TypeVar("Job")
Value = TypeVar("Value")


@dataclass(frozen=True)
class JobResult(Generic[Value]):
    """What came of a job, and the CPU seconds that it took."""

    value: Value
    cpu_seconds: float


def call(digest: str, function: Callable[[Job], Value], job: Job) -> JobResult[Value]:
    """Compute a job for a client of this makeup.

    Raises:
        EngineError: this worker has another.
    """
    # who was there at the start was asked then; a worker may join later
    if digest != makeup_digest():
        rule, remedy = "a worker that joins has the client's lock and code", "End it, or mend it."
        raise EngineError("the engine", rule, "another", remedy)
    # one thread a task, by the variable that joblib's cpu_count asks: LightGBM's threads wait by
    # spinning, and those of several tasks slow each other down many times over
    os.environ["LOKY_MAX_CPU_COUNT"] = "1"
    start = time.process_time()
    value = function(job)
    return JobResult(value, time.process_time() - start)


class _LastLoaded:
    lock = threading.Lock()
    key: str | None = None
    value: Any = None


def hold(key: str, load: Callable[[], Value]) -> Value:
    """Return what `load` made for this key: a process keeps the last one, for its next jobs."""
    # loaded under the lock: the threads of a worker would each read the same rows
    with _LastLoaded.lock:
        if _LastLoaded.key != key:
            # before the next one comes: both may not fit
            _LastLoaded.key = _LastLoaded.value = None
            _LastLoaded.value = load()
            _LastLoaded.key = key
        held: Value = _LastLoaded.value
        return held
