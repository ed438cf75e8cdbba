"""What became of each column of a table in a model, as a person says it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from tasks.arrays import Singles
from tasks.evaluation.curves import spread_evenly
from tasks.features.schema import Feature, FeatureSchema
from tasks.models.encoders import Block, Table
from tasks.policy.reading import count_text

# Rows that are looked at for numbers that merge, and the share of the distinct ones from which on
# it is told: of many full doubles a few fall together by chance.
EXAMINED = 50_000
MERGED = 0.01


def tell_columns(
    frame: pd.DataFrame, schema: FeatureSchema, blocks: Sequence[Block]
) -> tuple[tuple[str, str], ...]:
    """Return each column with what it is to the model: the features first, then what is left out.

    Args:
        frame: rows as they were curated.
        schema: of the model's features.
        blocks: its fitted encoders.
    """
    encoded = dict(_encodings(blocks))
    told = [
        (feature.name, _told(feature, frame.get(feature.name), encoded))
        for feature in schema.features
    ]
    return (*told, *((name, f"left out: {why}") for name, why in schema.left_out.items()))


def find_merged(column: pd.Series) -> tuple[int, int]:
    """Return how many distinct numbers there are, and how many of them float32 cannot tell apart.

    >>> find_merged(pd.Series([16_777_216, 16_777_217, 5]))
    (3, 1)
    """
    some = column.iloc[spread_evenly(len(column), EXAMINED)]
    values = pd.to_numeric(some, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    distinct = np.unique(values[np.isfinite(values)])
    with np.errstate(over="ignore"):
        return len(distinct), len(distinct) - len(np.unique(distinct.astype(np.float32)))


def _told(feature: Feature, column: pd.Series | None, encoded: Mapping[str, str]) -> str:
    kinds = {
        "number": "a number",
        "boolean": "true or false",
        "category": "a category",
        "time": f"a time, unfolded to {', '.join(feature.prepared)}",
        "text": "free text, read word by word",
    }
    parts = [kinds[feature.kind], encoded.get(feature.name, "")]
    # a transform's own column is in no table
    if column is not None:
        missing = float(column.isna().mean())
        parts.append(f"missing in {missing:.1%} of the rows" if missing else "")
    if column is not None and feature.kind == "number":
        distinct, merged = find_merged(column)
        if merged > MERGED * distinct:
            parts.append(
                f"{merged:,} of its {distinct:,} distinct numbers are not told apart: models hold "
                "numbers to seven digits"
            )
    return "; ".join(part for part in parts if part)


def _encodings(blocks: Sequence[Block]) -> Iterator[tuple[str, str]]:
    for block in blocks:
        for name, (levels, table) in zip(block.columns, block.tables, strict=False):
            yield name, _levels(levels, table)
        for name, terms in zip(block.columns, block.terms, strict=False):
            yield (
                name,
                f"{count_text(len(terms.words), 'word', 'words')} known, as {terms.width} numbers",
            )
        if block.flags:
            yield from ((name, "a flag says where it is missing") for name in block.columns)


def _levels(levels: Sequence[str], table: Table | Singles) -> str:
    count = count_text(len(levels), "level", "levels")
    known = np.asarray(table)[:-1]
    if not (np.isin(known, (0, 1)).all() and (known.sum(axis=1) == 1).all()):
        return f"{count}, each as the mean of the target in its rows (cross-fitted)"
    together = int((known.argmax(axis=1) == known.shape[1] - 1).sum())
    rare = f", the {together} rare ones together" if together > 1 else ""
    return f"{count}, a column each{rare}"
