"""One pipeline, its store and its servers, as a command sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.local.stack import connect
from deployments.orchestration import run_deployment
from tasks.config import Pipeline, find_pipeline
from tasks.errors import PerennialError
from tasks.settings import Settings, home_folder, pipelines_folder
from tasks.store.base import Store
from tasks.store.outcome import collect
from tasks.store.s3 import S3Store


@dataclass(frozen=True)
class Session:
    """What a command works with."""

    pipeline: Pipeline
    settings: Settings
    store: Store

    def drop(self, path: Path, say: Callable[[str], None], folder: str = "incoming") -> str:
        """Upload a file under the digest of its bytes, and return its key."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        key = f"{self.pipeline.name}/{folder}/{digest[:12]}/{path.name}"
        known = self.store.head(key)
        if known is None or known.size != path.stat().st_size:
            say(f"Uploading {path.name} ({path.stat().st_size / 1e6:,.1f} MB)")
            self.store.upload(path, key)
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
    return Session(pipeline, settings, S3Store(settings))


def follow(
    session: Session,
    flow: str,
    parameters: dict[str, Any],
    *,
    cause: str,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Start a run of the pipeline's deployment, follow it to its end, and return its outcome.

    Raises:
        PerennialError: the run did not complete; the message is the run's own.
    """
    name = session.pipeline.name
    run = run_deployment(session.settings, flow, name, parameters, cause, say)
    outcome = collect(session.store, run.id)
    if run.state != "COMPLETED" or outcome is None:
        where = f"{flow} {name}"
        raise PerennialError(where, "the run completes", f"{run.state}: {run.message}", run.url)
    return {**outcome, "flow_run": run.url}


def share_of(part: int, whole: int) -> str:
    """Write a part of a whole as a share.

    >>> share_of(27, 28)
    '96.4%'
    """
    return f"{part / whole:.1%}" if whole else "0%"
