"""What the standard library's forkserver imports before it forks: all that flows import.

Importing this module does it, for the forkserver takes nothing but names of modules; what to import
and whom to tell stands in the variable that the worker sets. No thread may be started: a child has
only the thread that forked it, so what another one held would stay locked in the child for ever.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from deployments.linux import die_with
from deployments.worker.kind import ORDER

# What each of these computes stays in its module: S3's description, which package holds a module.
# The second is private: MLflow is pinned to a version (3.17.2).
ONCE = (
    ("tasks.store.s3", "session"),
    ("mlflow.utils.requirements_utils", "_init_packages_to_modules_map"),
)


def preload(order: Mapping[str, Any]) -> None:
    """Import the modules of `order`, and tell the worker, with which this process ends."""
    # First of all: a worker killed while this imports would leave it behind.
    die_with(order["parent"])
    os.setsid()  # a Ctrl-C in the worker's terminal is not for this process
    sys.path[:] = order["path"]
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(order["address"])
        _tell(channel, pid=os.getpid())
        begin = time.monotonic()
        failed = _import(order["modules"])
        complete()
        gc.collect()  # what is garbage now would be frozen with the rest
        gc.freeze()  # a collection in a child would otherwise copy every page it looks at
        _tell(
            channel,
            loaded=len(order["modules"]),
            failed=failed,
            seconds=round(time.monotonic() - begin, 2),
            threads=threading.active_count(),
        )


def _import(modules: Iterable[str]) -> list[str]:
    failed = []
    for name in modules:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit):  # the run that needs it fails, and says why
            traceback.print_exc()
            failed.append(name)
    return failed


def complete() -> None:
    """Finish what libraries put off until the first flow run of a process."""
    pydantic = sys.modules.get("pydantic")
    # Prefect's models build their validators when they are first used: in each run, after a fork.
    for model in {*_below(pydantic.BaseModel)} if pydantic else ():
        if model.__module__.startswith("prefect.") and not model.__pydantic_complete__:
            with suppress(Exception):  # its types are not all known yet: a run does it itself
                model.model_rebuild(raise_errors=False)
    for module, function in ONCE:
        with suppress(Exception):  # a run that needs it does it itself
            getattr(sys.modules[module], function)()


def _below(model: Any) -> Iterator[Any]:
    for derived in model.__subclasses__():
        yield derived
        yield from _below(derived)


def _tell(channel: socket.socket, **message: object) -> None:
    channel.sendall(json.dumps(message).encode() + b"\n")


_order = json.loads(os.environ.get(ORDER, "{}"))
if _order.get("parent") == os.getppid():  # not in a run, which inherits the variable
    preload(_order)
