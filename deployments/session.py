"""What a command does with one pipeline: open it, bring files to its bucket, run its flows."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from deployments.apply.plan import ENTRY_POINTS, OPTIONAL
from deployments.local.connection import connect
from deployments.orchestration import run_deployment
from deployments.patience import AWAY, over_a_restart
from tasks.config import find_pipeline
from tasks.errors import PerennialError
from tasks.settings import Settings, home_folder, pipelines_folder
from tasks.store.outcome import collect
from tasks.workspace import Workspace, make_workspace

TRIES = 3  # runs that one command starts, where servers that were away ended those before


def open_session(name: str) -> Workspace:
    """Read the pipeline's file, then connect this process to the servers.

    Raises:
        ConfigurationError: there is no such pipeline, or its file is not valid.
        StackError: nothing says where the servers are.
    """
    # The file first: a typing error is told at once, also where no stack was ever started.
    pipeline = find_pipeline(name, pipelines_folder())
    connect(home_folder())
    return make_workspace(Settings.from_environment(), pipeline)


def upload(
    workspace: Workspace,
    path: Path,
    say: Callable[[str], None],
    folder: str = "incoming",
    *,
    announced: bool = True,
) -> str:
    """Upload a file under the digest of its bytes, over a restart of the store; return its key.

    `say` is told which file, where it is to be `announced`, and what is waited for.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    # 48 bits of the digest: the same file again is the same key, and is not sent twice.
    key = f"{workspace.name}/{folder}/{digest[:12]}/{path.name}"
    bucket, size = workspace.bucket, path.stat().st_size
    known = over_a_restart(lambda: bucket.head(key), say)
    if known is None or known.size != size:
        if announced:
            say(f"Uploading {path.name} ({size / 1e6:,.1f} MB)")
        over_a_restart(lambda: bucket.upload(path, key), say)
    return key


def follow(
    workspace: Workspace, flow: str, parameters: dict[str, Any], say: Callable[[str], None]
) -> dict[str, Any]:
    """Start a run of the pipeline's deployment, follow it to its end, and return its outcome.

    `flow` is a key of `ENTRY_POINTS` or `OPTIONAL`; `say` takes each of the run's log lines as it
    comes. A server that is restarted is waited for; a run that ended because one was away is
    started again, and goes on where it was.

    Raises:
        PerennialError: the run did not complete; the message is the run's own.
    """
    settings, name = Settings.from_environment(), workspace.name
    if settings.folder is not None and not os.environ.get("PREFECT_API_URL"):
        return {**_run_here(flow, {**parameters, "pipeline": name}, say), "flow_run": None}
    for tries_left in reversed(range(TRIES)):
        run = run_deployment(settings, flow, name, parameters, "command", say)
        # Not Prefect's own result: a failing upload leaves a run COMPLETED (3.8), without a result.
        found = over_a_restart(partial(collect, workspace.bucket, run.id), say)
        if run.state == "COMPLETED" and found is not None:
            return {**found, "flow_run": run.url}
        failure = tell_failed_run(f"{flow} {name}", run.state, run.message)
        if not tries_left or not isinstance(failure, AWAY):
            raise failure
        say(f"The run ended, for a server was away: {failure} It is started again.")
    raise AssertionError


def _run_here(flow: str, parameters: dict[str, Any], say: Callable[[str], None]) -> Any:
    """Run a flow in this process, without any server; there is nobody to tell of an event."""
    from tasks.events.task import announce
    from tasks.runs import PLAIN, run_plainly

    class Passing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.getMessage())

    module, _, function = {**ENTRY_POINTS, **OPTIONAL}[flow].rpartition(".")
    passing = Passing(logging.INFO)
    PLAIN.setLevel(logging.INFO)
    PLAIN.propagate = False
    PLAIN.addHandler(passing)
    try:
        called = getattr(import_module(module), function)
        return run_plainly(called, (announce,), **parameters, cause="command")
    finally:
        PLAIN.removeHandler(passing)


def tell_failed_run(where: str, state: str, message: str) -> PerennialError:
    """Return the error that a run ended with, in its own words; its page was told at its start.

    An error of ours keeps its kind, and so its exit status.

    >>> error = tell_failed_run("train taxis", "FAILED", "DataError: target: two classes; got 4.")
    >>> type(error).__name__, str(error)
    ('DataError', 'train taxis: target: two classes; got 4.')
    >>> str(tell_failed_run("train taxis", "CRASHED", ""))
    'train taxis: the run ended CRASHED. See its log on the page told above.'
    """
    kind, _, words = message.partition(": ")
    known = {error.__name__: error for error in _family(PerennialError)}
    if state == "FAILED" and kind in known:
        return known[kind](where, words.removesuffix("."))
    told = f"the run ended {state}: {message}" if message else f"the run ended {state}"
    return PerennialError(
        where, told.removesuffix("."), remedy="See its log on the page told above."
    )


def _family(kind: type[PerennialError]) -> list[type[PerennialError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _family(child))]
