"""Labelled rows of a scoring of any length, evenly thinned so that they stay in memory. Pure."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.arrays import Array, Integers
from tasks.scoring.judgement import Labelled, join_labelled

# Labelled rows that are judged, however long the source is: they are held in memory.
MOST = 200_000


@dataclass(frozen=True)
class Thinned:
    """The labelled rows whose place in the source is a multiple of `stride`, a power of two.

    Attributes:
        labelled: labels, predictions and times of the rows kept.
        places: their places in the source, from 0.
        count: of all labelled rows, kept or not.
    """

    labelled: Labelled
    places: Integers
    stride: int = 1
    count: int = 0

    @classmethod
    def of(cls, none: Labelled, frame: pd.DataFrame, predictions: Array, first: int) -> Thinned:
        """Take the labelled rows of a chunk.

        Args:
            none: says of which target and classes.
            frame: n rows as they were read.
            predictions: (n, classes) probabilities, or (n,) values.
            first: the place of the first row in the source.
        """
        places = np.flatnonzero(none.known(frame)) + first
        return cls(none.plus(frame, predictions), places, count=len(places))

    def thin(self, stride: int) -> Thinned:
        """Keep only the rows at multiples of `stride`."""
        kept = self.places % stride == 0
        labelled = self.labelled.pick(kept)
        return replace(self, labelled=labelled, places=self.places[kept], stride=stride)

    def to_bytes(self) -> bytes:
        """Return what `from_bytes` reads: Parquet, no code in it."""
        rows = self.labelled
        predictions = rows.predictions.reshape(len(rows.y), -1)
        # microseconds as whole numbers: a time of Parquet would come back in another unit
        columns = {"place": self.places, "y": rows.y, "time": rows.times.astype("int64")}
        columns |= {f"p{i}": predictions[:, i] for i in range(predictions.shape[1])}
        if rows.hashes is not None:
            columns["hash"] = rows.hashes
        table = pa.table(columns).replace_schema_metadata(
            {"stride": str(self.stride), "count": str(self.count)}
        )
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        return sink.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, none: Labelled) -> Thinned:
        """Read what `to_bytes` wrote; `none` says of which target and classes."""
        table = pq.read_table(pa.BufferReader(data))
        said = table.schema.metadata
        answers = [name for name in table.column_names[3:] if name != "hash"]
        predictions = np.stack([table[name].to_numpy() for name in answers], axis=1)
        labelled = replace(
            none,
            y=table["y"].to_numpy(),
            predictions=predictions if none.classes else predictions[:, 0],
            times=table["time"].to_numpy().astype("datetime64[us]"),
            hashes=table["hash"].to_numpy() if "hash" in table.column_names else None,
        )
        return cls(labelled, table["place"].to_numpy(), int(said[b"stride"]), int(said[b"count"]))


def join_thinned(parts: Sequence[Thinned], most: int = MOST) -> Thinned:
    """Join parts in their order, thinned further until at most `most` rows are left."""
    stride = max(part.stride for part in parts)
    kept = [part.thin(stride) for part in parts]
    while sum(len(part.places) for part in kept) > most:
        # powers of two: the multiples of a greater stride are among those of a smaller one
        stride *= 2
        kept = [part.thin(stride) for part in kept]
    places = np.concatenate([part.places for part in kept])
    count = sum(part.count for part in parts)
    return Thinned(join_labelled([part.labelled for part in kept]), places, stride, count)
