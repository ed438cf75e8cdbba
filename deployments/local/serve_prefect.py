"""Start the Prefect server behind a door, its event loop held up by no garbage and no time zones.

Prefect (3.8) takes a request under any `Host`, and a websocket of any `Origin`: both are checked
before its application is asked. It waits for ever for a request that is half sent: no more.

A collection on the loop's thread may clear a cursor whose connection another thread is using.
It then waits for that connection, which waits up to a minute for SQLite's write lock, which a
request holds that only the loop could end: the whole server stands still. Collected on a thread
of its own, the cursor waits there and the loop goes on.

Each time that it makes a value of a cron line, about a dozen times a request, Prefect (3.8) lists
the zones, which the standard library reads from the folders of the system: 5 ms, all on the loop.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import itertools
import os
import runpy
import sys
import threading
import time
import zoneinfo
from typing import Any

from deployments.local.prefect_server import ORIGINS
from mlflow_server.doors import Application, KnownNames, Message, Receive, Send

YOUNG_EVERY = 1.0  # seconds
FULL_EVERY = 60
WORD_SECONDS = 10.0


def collect_apart() -> threading.Thread:
    """Collect the young every second and all every minute, on a thread of its own."""

    def collect() -> None:
        for count in itertools.count(1):
            time.sleep(YOUNG_EVERY)
            gc.collect(2 if count % FULL_EVERY == 0 else 1)

    # Only the automatic collections are off; the thread calls for its own.
    gc.disable()
    thread = threading.Thread(target=collect, name="garbage", daemon=True)
    thread.start()
    return thread


def remember_zones() -> None:
    """Let the time zones be listed once; call it before Prefect is imported."""
    zoneinfo.available_timezones = functools.cache(zoneinfo.available_timezones)


class FirstWord:
    """Closes a websocket whose other end says nothing at first.

    Prefect (3.8) opens every websocket, and then waits for ever for the word that lets in.
    """

    def __init__(self, application: Application, seconds: float = WORD_SECONDS) -> None:
        self._application, self._seconds = application, seconds

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        told = itertools.count()

        async def hear() -> Message:
            # the first message is uvicorn's own, that somebody connects
            if scope["type"] != "websocket" or next(told) != 1:
                return await receive()
            try:
                return await asyncio.wait_for(receive(), self._seconds)
            except TimeoutError:
                await send({"type": "websocket.close", "code": 1008})
                return {"type": "websocket.disconnect", "code": 1008}

        await self._application(scope, hear, send)


def close_doors(origins: str) -> None:
    """Let what uvicorn serves here answer under these origins' names, and wait for nobody."""
    import uvicorn

    from mlflow_server.timely import TimelyProtocol

    run = uvicorn.run

    @functools.wraps(run)
    def run_guarded(app: Any, **more: Any) -> None:
        TimelyProtocol.allow()
        run(KnownNames(FirstWord(app), origins.split(",")), http=TimelyProtocol, **more)

    uvicorn.run = run_guarded


if __name__ == "__main__":
    collect_apart()
    remember_zones()
    close_doors(os.environ[ORIGINS])
    sys.argv[0] = "prefect"
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
