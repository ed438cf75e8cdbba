"""A look at what a source would give next, landing nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tasks.collection.collector import Collector, SourcePage
from tasks.collection.progress import read_progress
from tasks.errors import DataError
from tasks.readers.formats import open_source
from tasks.readers.source import BadBatch
from tasks.store.scratch import scratch
from tasks.workspace import Workspace


@dataclass(frozen=True)
class Preview:
    """What the next object would hold: its columns with their kinds, its bytes and its rows."""

    columns: dict[str, str] = field(default_factory=dict)
    size: int = 0
    rows: int | None = 0


def preview(workspace: Workspace, collector: Collector) -> Preview:
    """Return what would land next, read as ingesting would read it; an empty one: nothing new.

    Raises:
        DataError: it could not be read.
        SourceUnavailable, ConfigurationError: as `collect`.
    """
    with scratch(workspace.home) as folder:
        found = next_object(workspace, collector, folder)
        return Preview() if found is None else _read(workspace, *found)


def next_object(
    workspace: Workspace, collector: Collector, folder: Path
) -> tuple[Path, SourcePage] | None:
    """Return the file of the page that would land next, in `folder` or where it lies already.

    None where there is nothing new.

    Raises:
        SourceUnavailable, ConfigurationError: as `collect`.
    """
    options, found = workspace.pipeline.source.collect, read_progress(workspace)
    same = found is not None and options is not None and found[0].source == options.identity
    cursor = found[0].place if found is not None and same else None
    for page in collector.pages(cursor):
        if isinstance(page.data, Path):
            # under its own name: the ending tells the format
            return page.data.rename(folder / Path(page.name).name), page
        if page.data:
            path = folder / f"page{page.suffix}"
            path.write_bytes(page.data)
            return path, page
    return None


def _read(workspace: Workspace, path: Path, page: SourcePage) -> Preview:
    pipeline = workspace.pipeline
    try:
        columns = open_source(path, path.name, pipeline.data.max_bytes, pipeline.source).infer()
    except BadBatch as bad:
        rule, came = "what the source gives can be read", bad.problems[0].sentence
        raise DataError(workspace.name, rule, came.rstrip(".")) from bad
    return Preview(columns, path.stat().st_size, page.rows)
