"""Which collector reads which kind of source."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from tasks.collection.collector import Collector, Say, object_bytes, section_of
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

# Each is called with the workspace, the section, `say`, and the bytes of an object at most; its
# libraries are loaded where it is asked for.
COLLECTORS = {
    "http": "tasks.collection.http:HttpCollector",
    "bucket": "tasks.collection.bucket:BucketCollector",
    "sql": "tasks.collection.sql:SqlCollector",
    "web": "tasks.collection.web:WebTableCollector",
}


def open_collector(workspace: Workspace, say: Say, limit: int | None = None) -> Collector:
    """Return the collector that the pipeline file asks for; `limit` in bytes of an object.

    Raises:
        ConfigurationError: the file asks for none, or a variable that it names is not set.
    """
    options = section_of(workspace.pipeline)
    module, _, name = COLLECTORS[options.kind].partition(":")
    make: Callable[..., Collector] = getattr(import_module(module), name)
    return make(workspace, options, say, limit or object_bytes(workspace.pipeline))
