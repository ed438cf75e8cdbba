"""Fitted encoders as plain values: what every column becomes. Pure.

They hold no code, so a model version can keep them and a later training can start from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from tasks.arrays import Integers, Singles
from tasks.features.preprocessing import MissingFlags, Standardise
from tasks.models.lookups import read_tables


@dataclass(frozen=True)
class Block:
    """Some columns that are encoded alike, put side by side.

    `tables` hold, per text column, its known levels and (levels + 1, width) float32, the last row
    for unknown text; none for numbers. `flags` says that a number becomes one where it is missing.
    `scaling` standardises what came of that.
    """

    columns: tuple[str, ...]
    tables: tuple[tuple[tuple[str, ...], Singles], ...] = ()
    flags: bool = False
    scaling: Standardise | None = None

    @property
    def widths(self) -> tuple[int, ...]:
        """How many encoded columns each column becomes."""
        return tuple(table.shape[1] for _, table in self.tables) or (1,) * len(self.columns)

    @cached_property
    def _known(self) -> tuple[dict[str, int], ...]:
        """The place of each known level, by column."""
        return tuple({level: i for i, level in enumerate(levels)} for levels, _ in self.tables)

    def encode(self, prepared: Mapping[str, Any] | pd.DataFrame) -> Singles:
        """Return (n, sum of widths) float32."""
        if self.tables:
            found = [
                table[_places(prepared[name], known)]
                for name, known, (_, table) in zip(
                    self.columns, self._known, self.tables, strict=True
                )
            ]
            rows = np.concatenate(found, axis=1)
        else:
            rows = np.stack([np.asarray(prepared[n], np.float32) for n in self.columns], axis=1)
        if self.flags:
            rows = np.isnan(rows).astype(np.float32)
        return rows if self.scaling is None else self.scaling.transform(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "columns": list(self.columns),
            "tables": [[list(levels), table.tolist()] for levels, table in self.tables],
            "flags": self.flags,
            "scaling": None
            if self.scaling is None
            else [getattr(self.scaling, name).tolist() for name in ("fill_", "mean_", "scale_")],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Block:
        """Read what `to_dict` wrote."""
        return cls(
            tuple(content["columns"]),
            tuple(
                (tuple(levels), np.array(table, np.float32)) for levels, table in content["tables"]
            ),
            content["flags"],
            None if content["scaling"] is None else Standardise.known(*content["scaling"]),
        )


class Encoded(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Encoders that were fitted before, as a step of a pipeline."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks

    def fit(self, prepared: pd.DataFrame, y: Any = None) -> Encoded:
        """Learn nothing."""
        self.n_features_in_ = prepared.shape[1]
        return self

    def transform(self, prepared: pd.DataFrame) -> Singles:
        """Return (n, encoded columns) float32."""
        return np.concatenate([block.encode(prepared) for block in self.blocks], axis=1)


def read_blocks(encoders: Any) -> tuple[Block, ...]:
    """Read the fitted encoders of a model, in the order of their output."""
    if isinstance(encoders, Encoded):
        return tuple(encoders.blocks)
    # a transformer without columns is listed unfitted, and what is left out as the text "drop"
    return tuple(
        _block(step, tuple(str(name) for name in names))
        for _, step, names in encoders.transformers_
        if len(names) and not isinstance(step, str)
    )


def sources(blocks: Sequence[Block]) -> list[str]:
    """Return the prepared column that each encoded column came from, in order.

    >>> table = np.zeros((2, 3), np.float32)
    >>> sources([Block(("a",)), Block(("c",), ((("x",), table),))])
    ['a', 'c', 'c', 'c']
    """
    return [
        name
        for block in blocks
        for name, width in zip(block.columns, block.widths, strict=True)
        for _ in range(width)
    ]


def _block(step: Any, names: tuple[str, ...]) -> Block:
    encoder, scaling = step, None
    if isinstance(step, Pipeline):
        encoder, scaling = (fitted for _, fitted in step.steps)
    if isinstance(encoder, (OneHotEncoder, TargetEncoder)):
        tables = tuple((tuple(levels), table) for levels, table in read_tables(encoder))
        return Block(names, tables, scaling=scaling)
    if isinstance(encoder, Standardise):
        return Block(names, scaling=encoder)
    return Block(names, flags=isinstance(encoder, MissingFlags))


def _places(column: Any, known: Mapping[str, int]) -> Integers:
    unknown = len(known)
    return np.array([known.get(text, unknown) for text in column.tolist()], np.intp)
