"""Which scored rows a version learned from, known by their key, else by all they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import polars as pl

from tasks.arrays import Hashes
from tasks.dataset.dataset import moments
from tasks.dataset.split import row_hashes
from tasks.errors import DataError, NotFound
from tasks.features.schema import INTERNAL
from tasks.labels.table import labels_table
from tasks.promotion.manifest import Lineage
from tasks.store.layout import BATCH
from tasks.workspace import Workspace


def name_identity(key: Sequence[str], names: Sequence[str], read: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a row is known again by: its key's, or all that are read.

    Args:
        key: of the pipeline.
        names: the columns of the source.
        read: those that are read of it.

    >>> name_identity(["id"], ["id", "x"], ["id", "x"]), name_identity(["id"], ["x"], ["id", "x"])
    (('id',), ('x',))
    """
    if key and set(key) <= set(names):
        return tuple(key)
    return tuple(sorted({*read} - {*INTERNAL, *key}))


def share_learned(
    workspace: Workspace, lineage: Lineage, identity: Sequence[str], hashes: Hashes | None
) -> float | None:
    """Return the share of rows of these hashes that a version learned from.

    The pinned table is read some rows at a time, of its columns the identity's. None where nothing
    was hashed, or the pinned version is no longer there.
    """
    if hashes is None or not len(hashes):
        return None
    wanted = np.unique(hashes)
    try:
        labelled = _labelled(workspace, lineage, identity, wanted)
        parts = [
            _both(_learned(workspace, lineage, frame, identity, labelled), wanted)
            for frame in _frames(workspace, lineage, identity)
        ]
    except (DataError, NotFound):
        return None
    there = np.unique(np.concatenate([wanted[:0], *parts]))
    return float(np.isin(hashes, there).mean())


def _frames(
    workspace: Workspace, lineage: Lineage, identity: Sequence[str]
) -> Iterator[pd.DataFrame]:
    pipeline, table = workspace.pipeline, workspace.curated
    rows = table.scan(lineage.data.version)
    if lineage.without:
        rows = rows.filter(~pl.col(BATCH).is_in(list(lineage.without)))
    there = rows.collect_schema().names()
    wanted = dict.fromkeys((*identity, pipeline.target, *pipeline.placed_by))
    for piece in table.pieces(rows, [name for name in wanted if name in there]):
        yield piece.to_pandas(date_as_object=False)


def _learned(
    workspace: Workspace,
    lineage: Lineage,
    frame: pd.DataFrame,
    identity: Sequence[str],
    labelled: Hashes,
) -> Hashes:
    time = workspace.pipeline.event_time
    hashes = row_hashes(frame, [name for name in identity if name in frame])
    taught = frame[workspace.pipeline.target].notna().to_numpy() | np.isin(hashes, labelled)
    until = lineage.seen_until(ordered=time is not None)
    if time is not None and not np.isnat(until):
        taught &= moments(frame[time]) <= until
    return hashes[taught]


def _labelled(
    workspace: Workspace, lineage: Lineage, identity: Sequence[str], wanted: Hashes
) -> Hashes:
    """Return the wanted hashes of rows whose label came later, by the version that was read."""
    key = workspace.pipeline.key
    if lineage.labels is None or tuple(identity) != tuple(key):
        return wanted[:0]
    table = labels_table(workspace.bucket, workspace.name)
    keys = table.scan(lineage.labels).filter(~pl.col(BATCH).is_in(list(lineage.without)))
    found = [
        _both(row_hashes(piece.to_pandas(date_as_object=False), key), wanted)
        for piece in table.pieces(keys, key)
    ]
    return np.concatenate([wanted[:0], *found])


def _both(hashes: Hashes, wanted: Hashes) -> Hashes:
    # what nobody asked for is dropped at once: however long the table is, little is held
    return hashes[np.isin(hashes, wanted)]
