"""One pipeline in its bucket: what every action on it works with.

A process makes it once, in a topic's `task.py` or in a command, and hands it down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.config import Pipeline, find_pipeline
from tasks.settings import Settings
from tasks.signatures import Keyring
from tasks.store.bucket import Bucket
from tasks.store.connect import open_bucket
from tasks.store.layout import Layout
from tasks.tracking.registry import mirror_pointer

if TYPE_CHECKING:
    from tasks.data.table import Table
    from tasks.ledger.ledger import Ledger

Mirror = Callable[[str, str, int, str], None]


@dataclass(frozen=True)
class Place:
    """Where a pipeline's models and records lie, also of one whose file is not at hand.

    `mirror(pipeline, alias, version, pointer_id)` sets an alias in the MLflow registry and raises
    a `PerennialError` where it cannot; None leaves the registry alone.
    """

    bucket: Bucket
    name: str
    keyring: Keyring
    mirror: Mirror | None = field(default=None, repr=False)

    @property
    def layout(self) -> Layout:
        return Layout(self.name)

    # cached_property writes past the frozen dataclass, straight into __dict__
    @cached_property
    def ledger(self) -> Ledger:
        """The record of every decision, verdict, promotion and rollback."""
        # Serving's workers make a place and read no table: Arrow would cost each 60 MB.
        from tasks.ledger.ledger import ledger_of

        return ledger_of(self.bucket, self.name, self.keyring)

    @cached_property
    def curated(self) -> Table:
        """The table of accepted rows, which may not be there yet."""
        from tasks.data.curated import curated

        return curated(self.bucket, self.name)


@dataclass(frozen=True, kw_only=True)
class Workspace(Place):
    """A place with the pipeline's file.

    `home` is where temporary files lie; `tracking` is MLflow's address, None where runs are not
    tracked.
    """

    pipeline: Pipeline
    home: Path
    tracking: str | None = None


def open_place(settings: Settings, name: str) -> Place:
    """Return the place of the pipeline of this name; its file is not looked for."""
    mirror = _mirror(settings.mlflow_uri)
    return Place(open_bucket(settings), name, settings.keyring, mirror)


def open_workspace(settings: Settings, name: str) -> Workspace:
    """Read the pipeline's file and open its bucket.

    Raises:
        ConfigurationError: there is no such pipeline, or its file is not valid.
    """
    return make_workspace(settings, find_pipeline(name, settings.pipelines))


def make_workspace(settings: Settings, pipeline: Pipeline) -> Workspace:
    """Return the workspace of a pipeline whose file was read."""
    return Workspace(
        open_bucket(settings),
        pipeline.name,
        settings.keyring,
        _mirror(settings.mlflow_uri),
        pipeline=pipeline,
        home=settings.home,
        tracking=settings.mlflow_uri,
    )


def _mirror(tracking: str | None) -> Mirror | None:
    return None if tracking is None else partial(mirror_pointer, tracking)
