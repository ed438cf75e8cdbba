"""Fitted encoders as plain values: what every column becomes, and how the target is scaled. Pure.

They hold no code, so a model version can keep them and a later training can start from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, TargetEncoder

from tasks.arrays import Integers, Singles
from tasks.documents import seal, unseal_bytes
from tasks.errors import IntegrityError
from tasks.features.preprocessing import Standardise, flag_missing
from tasks.features.terms import TermTable
from tasks.features.text_encoder import TermEncoder
from tasks.models.model import Model

ENCODERS = "encoders.json"
Table = tuple[tuple[str, ...], Singles]


@dataclass(frozen=True)
class Block:
    """Some columns that are encoded alike, put side by side.

    `tables` hold, per text column, its known levels and (levels + 1, width) float32, the last row
    for unknown text; none for numbers. `flags` says that a number becomes one where it is missing.
    `scaling` standardises what came of that. `terms` hold, per free text, its known words.
    """

    columns: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    flags: bool = False
    scaling: Standardise | None = None
    terms: tuple[TermTable, ...] = ()

    @property
    def widths(self) -> tuple[int, ...]:
        """How many encoded columns each column becomes."""
        widths = [table.shape[1] for _, table in self.tables] + [t.width for t in self.terms]
        return tuple(widths) or (1,) * len(self.columns)

    @cached_property
    def _places(self) -> tuple[dict[str, int], ...]:
        # made once: an explanation of one row would make them anew for each row
        return tuple({level: i for i, level in enumerate(levels)} for levels, _ in self.tables)

    def encode(self, prepared: Mapping[str, Any] | pd.DataFrame) -> Singles:
        """Return (n, sum of widths) float32."""
        if self.tables:
            columns = zip(self.columns, self._places, self.tables, strict=True)
            encoded = [table[_find(prepared[name], places)] for name, places, (_, table) in columns]
            rows = np.concatenate(encoded, axis=1)
        elif self.terms:
            texts = zip(self.terms, self.columns, strict=True)
            encoded = [table.encode(prepared[name].tolist()) for table, name in texts]
            rows = np.concatenate(encoded, axis=1)
        else:
            rows = np.stack([np.asarray(prepared[n], np.float32) for n in self.columns], axis=1)
        if self.flags:
            rows = np.isnan(rows).astype(np.float32)
        return rows if self.scaling is None else self.scaling.transform(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        scaling = self.scaling
        fitted = scaling and (scaling.fill_, scaling.mean_, scaling.scale_)
        return {
            "columns": list(self.columns),
            "tables": [[list(levels), table.tolist()] for levels, table in self.tables],
            "flags": self.flags,
            "scaling": fitted and [values.tolist() for values in fitted],
            # left out where there are none: an older release reads what it can use
            **(
                {"terms": [[list(t.words), t.weights.tolist()] for t in self.terms]}
                if self.terms
                else {}
            ),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Block:
        """Read what `to_dict` wrote."""
        tables = ((tuple(levels), np.array(t, np.float32)) for levels, t in content["tables"])
        scaling = content["scaling"] and Standardise.known(*content["scaling"])
        terms = (TermTable(tuple(w), np.array(t, np.float32)) for w, t in content.get("terms", ()))
        columns = tuple(content["columns"])
        return cls(columns, tuple(tables), content["flags"], scaling, tuple(terms))


@dataclass(frozen=True)
class Encoders:
    """What a fitted model makes of prepared columns, and how its answers are scaled.

    A regression's answer times `spread` plus `center` is the prediction. `classes` is how many
    it tells apart, 0 for a regression.
    """

    blocks: tuple[Block, ...]
    center: float
    spread: float
    classes: int

    @classmethod
    def of(cls, model: Model) -> Encoders:
        """Read them off a fitted model."""
        blocks = read_blocks(model.pipeline_.named_steps["encoders"])
        return cls(blocks, model.center_, model.spread_, model.class_count)

    def to_bytes(self) -> bytes:
        """Return strict JSON."""
        document = {**vars(self), "blocks": [block.to_dict() for block in self.blocks]}
        return json.dumps(seal("encoders", document), allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Encoders:
        """Read what `to_bytes` wrote.

        Raises:
            IntegrityError: it is something else.
        """
        try:
            content = unseal_bytes("encoders", data, ENCODERS)
            return cls(
                tuple(Block.from_dict(block) for block in content["blocks"]),
                float(content["center"]),
                float(content["spread"]),
                int(content["classes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrityError(ENCODERS, "it holds a model's encoders", repr(error)) from error


class Encoded(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Encoders that were fitted before, as a step of a pipeline."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks

    def fit(self, prepared: pd.DataFrame, y: Any = None) -> Encoded:
        return self

    def transform(self, prepared: pd.DataFrame) -> Singles:
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
    if isinstance(encoder, TargetEncoder):
        return Block(names, tuple(_target_tables(encoder)), scaling=scaling)
    if isinstance(encoder, TermEncoder):
        return Block(names, scaling=scaling, terms=encoder.tables_)
    if isinstance(encoder, OneHotEncoder):
        return Block(names, tuple(_level_tables(encoder)))
    if isinstance(encoder, Standardise):
        return Block(names, scaling=encoder)
    # what passes numbers through is a function too, and has none
    assert isinstance(encoder, FunctionTransformer), encoder
    return Block(names, flags=encoder.func is flag_missing)


def _target_tables(encoder: TargetEncoder) -> Iterator[Table]:
    means = np.atleast_1d(encoder.target_mean_)
    width = len(means)
    for i, levels in enumerate(encoder.categories_):
        # of several classes, scikit-learn lists a column's encodings class by class
        known = np.stack(encoder.encodings_[i * width : (i + 1) * width], axis=1)
        yield tuple(map(str, levels)), np.vstack([known, means]).astype(np.float32)


def _level_tables(encoder: OneHotEncoder) -> Iterator[Table]:
    for levels, together in zip(encoder.categories_, encoder.infrequent_categories_, strict=True):
        # rare levels share one column, the last, which unknown text takes too; without a rare
        # level unknown text has none: "infrequent_if_exist"
        rare = np.isin(levels, [] if together is None else together)
        width = int((~rare).sum() + rare.any())
        table = np.zeros((len(levels) + 1, width), np.float32)
        table[np.arange(len(levels)), np.where(rare, width - 1, np.cumsum(~rare) - 1)] = 1
        table[-1, -1] = rare.any()
        yield tuple(map(str, levels)), table


def _find(column: Any, places: Mapping[str, int]) -> Integers:
    return np.array([places.get(text, len(places)) for text in column.tolist()], np.intp)
