"""Turn a forked child into the process of one flow run."""

from __future__ import annotations

import atexit
import importlib
import multiprocessing
import os
import random
import runpy
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Collection, Mapping
from typing import NoReturn

from deployments.linux import bear
from deployments.worker.kind import RUN_NAME


def become(directory: str, environment: Mapping[str, str], forget: Collection[str]) -> NoReturn:
    """Run Prefect's engine as a new `python -m prefect.engine` would, and end with its status.

    What was preloaded of the packages to `forget` is imported anew.
    """
    # A group of its own: to end the run is to signal it and all its children.
    os.setpgid(0, 0)
    bear(RUN_NAME)
    # In the forkserver, and so here, it is "forkserver": a library's processes would start another.
    multiprocessing.set_start_method(None, force=True)
    del sys.argv[1:]
    os.chdir(directory)
    settled = _settings(os.environ) == _settings(environment)
    # By the mapping's own methods, which call putenv: C libraries see the change too.
    os.environ.clear()
    os.environ.update(environment)
    # Python reads TZ at its start, and that was the forkserver's.
    time.tzset()
    if not sys.flags.safe_path:
        sys.path.insert(0, directory)
    _reseed()
    # Before the settings are read: what is imported from here on is on the disk now.
    _forget(forget)
    if not settled:
        _read_settings_again()
    _leave(_status_of_the_engine())


def _status_of_the_engine() -> int:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r".* found in sys\.modules after import")
            runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _leave(status: int) -> NoReturn:
    try:
        # What Python does at its end, and not what C++ does: a library's exit handler may wait for
        # a thread that stayed behind in the forkserver.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _reseed() -> None:
    # A fork copies the state of every generator: all runs would draw the same numbers.
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _forget(packages: Collection[str]) -> None:
    # A list: the interpreter refuses a mapping that shrinks under its iteration.
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]
    importlib.invalidate_caches()


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    ours = (name for name in environment if name.startswith("PREFECT_"))
    return {name: environment[name] for name in ours if not name.startswith("PREFECT__")}


def _read_settings_again() -> None:
    # Prefect read its settings, and set up its log, from the forkserver's environment.
    from prefect.context import refresh_global_settings_context
    from prefect.logging.configuration import setup_logging

    refresh_global_settings_context()
    setup_logging()
