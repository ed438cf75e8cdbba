"""An exported model behind matrices of numbers: text is looked up before the graph, not in it.

What only renames, looks up and puts columns side by side is half of the operators of a small model
and most of the time of a single row. It is read off the graph, and what is left takes its results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from tasks.arrays import Singles
from tasks.features.schema import Columns
from tasks.features.terms import TermTable
from tasks.models.anatomy import cut_part, read_export, read_lookup, take_terms


@dataclass(frozen=True)
class TextColumn:
    """A text column by its place, and its levels' rows of (levels + 1, width) float32.

    The last row answers unknown text.
    """

    place: int
    levels: tuple[str, ...]
    table: Singles


@dataclass(frozen=True)
class FreeText:
    """A free text by its place, and its known words."""

    place: int
    table: TermTable


ColumnRef = int | TextColumn | FreeText
# In the order in which a matrix has them.
KINDS: tuple[type, ...] = (int, TextColumn, FreeText)


@dataclass(frozen=True)
class Flat:
    """A model whose inputs are matrices: of each, places of numbers, then texts, then free ones."""

    model: bytes
    inputs: Mapping[str, tuple[ColumnRef, ...]]


def flatten(data: bytes) -> Flat:
    """Take the lookups out of what `to_onnx` made; the rest is refused as by `read_export`."""
    return read_export(data, _flat)


def _flat(model: Any, _: str, columns: Columns) -> Flat:
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    pieces: dict[str, tuple[ColumnRef, ...]] = {
        name: (place,) for place, name in enumerate(columns.numbers)
    }
    looked: dict[str, tuple[int, tuple[str, ...]]] = {}
    places = {name: place for place, name in enumerate(columns.written)}
    terms, nodes = take_terms(model)
    pieces |= {term.name: (FreeText(places[term.column], term.table),) for term in terms}
    left = []
    for node in nodes:
        (made,) = node.output
        if node.op_type == "LabelEncoder":
            looked[made] = places[node.input[0]], read_lookup(node).levels
        elif node.op_type == "Reshape" and node.input[0] in looked:
            looked[made] = looked[node.input[0]]
        elif node.op_type == "Gather" and node.input[1] in looked:
            place, levels = looked[node.input[1]]
            table = numpy_helper.to_array(constants[node.input[0]])
            if table.dtype != np.float32 or table.ndim != 2 or len(table) != len(levels) + 1:
                raise ValueError("a table is no row of float32 for each level and one more")
            pieces[made] = (TextColumn(place, levels, table),)
        elif node.op_type == "Concat" and all(name in pieces for name in node.input):
            # of a block's own columns, or of blocks, of which those of numbers come first
            pieces[made] = sum((pieces[name] for name in node.input), ())
        else:
            left.append(node)
    used = dict.fromkeys(name for node in left for name in node.input)
    # what is left of the graph would lack an input: text may only be looked up
    if used.keys() & {*looked, *columns.written}:
        raise ValueError("text is used beside its lookups")
    inputs = {name: pieces[name] for name in used if name in pieces}
    given: dict[str, tuple[int, int | str]] = {}
    for name, refs in inputs.items():
        order = [KINDS.index(type(ref)) for ref in refs]
        if order != sorted(order):
            raise ValueError("numbers come after texts")
        given[name] = TensorProto.FLOAT, sum(map(_width, refs))
    (answer,) = model.graph.output
    return Flat(cut_part(model, left, given, answer), inputs)


def _width(ref: ColumnRef) -> int:
    if isinstance(ref, int):
        return 1
    return ref.table.shape[1] if isinstance(ref, TextColumn) else ref.table.width
