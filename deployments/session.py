"""One pipeline, its store and its servers, as a command sees them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from deployments.local.stack import connect
from deployments.orchestration import run_deployment
from tasks.config import Pipeline, find_pipeline
from tasks.errors import PerennialError
from tasks.settings import Settings, home_folder, pipelines_folder
from tasks.store.bucket import Bucket
from tasks.store.outcome import collect
from tasks.workspace import Workspace, make_workspace


@dataclass(frozen=True)
class Session:
    """What a command works with."""

    settings: Settings
    workspace: Workspace

    @property
    def pipeline(self) -> Pipeline:
        return self.workspace.pipeline

    @property
    def bucket(self) -> Bucket:
        return self.workspace.bucket

    def drop(self, path: Path, say: Callable[[str], None], folder: str = "incoming") -> str:
        """Upload a file under the digest of its bytes, and return its key."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        key = f"{self.pipeline.name}/{folder}/{digest[:12]}/{path.name}"
        known = self.bucket.head(key)
        if known is None or known.size != path.stat().st_size:
            say(f"Uploading {path.name} ({path.stat().st_size / 1e6:,.1f} MB)")
            self.bucket.upload(path, key)
        return key


def open_session(name: str) -> Session:
    """Read the pipeline's file first, then connect to the servers.

    Raises:
        ConfigurationError: there is no such pipeline, or its file is not valid.
        StackError: nothing says where the servers are.
    """
    pipeline = find_pipeline(name, pipelines_folder())
    connect(home_folder())
    settings = Settings.from_environment()
    return Session(settings, make_workspace(settings, pipeline))


def follow(
    session: Session,
    flow: str,
    parameters: dict[str, Any],
    *,
    cause: str,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Start a run of the pipeline's deployment, follow it to its end, and return its outcome.

    Where the bucket is a folder and no Prefect server is named, the flow runs in this process.

    Args:
        session: the pipeline and its servers.
        flow: a key of `ENTRY_POINTS`.
        parameters: what the flow takes besides its pipeline and cause.
        cause: who asked for the run.
        say: takes each of the run's log lines as it comes.

    Raises:
        PerennialError: the run did not complete; the message is the run's own.
    """
    name = session.pipeline.name
    if session.settings.folder is not None and not os.environ.get("PREFECT_API_URL"):
        return run_here(flow, name, parameters, cause)
    run = run_deployment(session.settings, flow, name, parameters, cause, say)
    outcome = collect(session.bucket, run.id)
    if run.state != "COMPLETED" or outcome is None:
        where = f"{flow} {name}"
        raise PerennialError(where, "the run completes", f"{run.state}: {run.message}", run.url)
    return {**outcome, "flow_run": run.url}


def run_here(flow: str, name: str, parameters: dict[str, Any], cause: str) -> dict[str, Any]:
    """Run a flow in this process, under a Prefect server that lives as long as the command.

    Raises:
        PerennialError: what the flow raises.
    """
    from deployments.apply.plan import ENTRY_POINTS

    module, _, function = ENTRY_POINTS[flow].rpartition(".")
    outcome = getattr(import_module(module), function)(name, **parameters, cause=cause)
    return {**outcome, "flow_run": None}


def write_share(part: int, whole: int) -> str:
    """Write a part of a whole as a share.

    >>> write_share(27, 28)
    '96.4%'
    """
    return f"{part / whole:.1%}" if whole else "0%"
