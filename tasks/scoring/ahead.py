"""Work on several things at once and hand it on in order, in bounded memory."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")
# Seconds that a thread waits for the interpreter. Calls into numpy take some 50 microseconds each,
# and give it up in between: with the usual 5 ms, two threads on a busy machine took a sixth longer.
TURN = 0.0005


def work_ahead(
    work: Callable[[Given], Made], given: Iterable[Given], workers: int
) -> Iterator[Made]:
    """Yield what `work` makes of each, in order; at most `workers` + 1 are held.

    `given` is read in the caller's thread, so reading, working and what the caller does with the
    results overlap.

    >>> list(work_ahead(abs, [-2, 1, -3], workers=2))
    [2, 1, 3]
    """
    waiting: deque[Future[Made]] = deque()
    with _quick_turns(), ThreadPoolExecutor(workers, thread_name_prefix="scoring") as pool:
        for item in given:
            waiting.append(pool.submit(work, item))
            # one more than can be worked on waits, so that no worker does
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _quick_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
