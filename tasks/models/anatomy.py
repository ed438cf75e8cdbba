"""An exported model taken apart, for those who put many rows through it.

Text reaches the graph as a place among a column's levels, looked up outside once per distinct
text; boosted trees leave it altogether. What lies before and behind them stays ONNX.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import onnx
from onnx import TensorProto, helper, numpy_helper

from tasks.features.schema import Columns
from tasks.features.terms import TermTable
from tasks.models import ensembles
from tasks.models.refusal import refuse_export
from tasks.models.trees import Tree

T = TypeVar("T")
ENCODED, SUMS = "encoded rows", "sums of trees"


@dataclass(frozen=True)
class Lookup:
    """A text column, the name its places go by, and its levels; the place after them is unknown."""

    column: str
    name: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class TermLookup:
    """A free text's column, the name its (rows, width) numbers go by, and its words."""

    column: str
    name: str
    table: TermTable


@dataclass(frozen=True)
class Anatomy:
    """`front` makes the encoded rows that `trees` take, `back` the answer of their sums.

    `whole` makes the answer without them; where there are no trees to take out it is all there is.
    """

    task: str
    numbers: tuple[str, ...]
    lookups: tuple[Lookup, ...]
    terms: tuple[TermLookup, ...]
    whole: bytes
    front: bytes = b""
    trees: tuple[Tree, ...] = ()
    outputs: int = 0
    back: bytes | None = None


def dissect(data: bytes) -> Anatomy:
    """Take the bytes that `to_onnx` made apart; others are refused as by `read_export`."""
    return read_export(data, _apart)


def read_export(data: bytes, take: Callable[[Any, str, Columns], T]) -> T:
    """Return what `take` makes of an exported model, its task and its columns.

    Raises:
        IntegrityError: the bytes are no ONNX model, or not one of ours.
    """
    try:
        model = onnx.load_from_string(data)
        notes = {prop.key: prop.value for prop in model.metadata_props}
        columns = Columns(**json.loads(notes["perennial.columns"]))
        return take(model, notes["perennial.task"], columns)
    # protobuf, json and a look-up fail each with an error of its own on bytes that are not ours
    except Exception as error:
        raise refuse_export(data, error) from error


def read_lookup(node: Any) -> Lookup:
    """Read a `LabelEncoder` of ours.

    Raises:
        ValueError: its levels are not numbered in their order, or unknown text is one of them.
    """
    given = _attributes(node)
    levels = tuple(key.decode() for key in given["keys_strings"])
    if list(given["values_int64s"]) != list(range(len(levels))):
        raise ValueError("levels are not numbered in their order")
    if given["default_int64"] != len(levels):
        raise ValueError("unknown text has a level's number")
    return Lookup(node.input[0], node.output[0], levels)


def take_terms(model: Any) -> tuple[tuple[TermLookup, ...], list[Any]]:
    """Return what `Graph.terms` wrote, and the nodes that are left.

    Raises:
        ValueError: words are used otherwise.
    """
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    columns: dict[str, str] = {}
    known: dict[str, tuple[str, ...]] = {}
    weights: dict[str, Any] = {}
    lookups, left = [], []
    for node in model.graph.node:
        made = node.output[0]
        column = next((columns[name] for name in node.input if name in columns), None)
        if node.op_type == "StringSplit":
            columns[made] = node.input[0]
        elif column is None:
            left.append(node)
        elif node.op_type == "Cast" and _attributes(node)["to"] == TensorProto.FLOAT:
            table = TermTable(known[column], weights[column][:-1])
            if len(table.weights) != len(table.words) or weights[column][-1].any():
                raise ValueError("a table is no row for each word, and zeros for unknown ones")
            lookups.append(TermLookup(column, made, table))
        else:
            columns[made] = column
            if node.op_type == "LabelEncoder":
                known[column] = read_lookup(node).levels
            elif node.op_type == "Gather":
                weights[column] = numpy_helper.to_array(constants[node.input[0]])
    return tuple(lookups), left


def cut_part(
    model: Any, nodes: Sequence[Any], inputs: Mapping[str, tuple[int, int | str]], output: Any
) -> bytes:
    """Write some nodes as a model of their own; of the inputs, (type, width) each, those used."""
    used = {name for node in nodes for name in node.input}
    # ONNX Runtime refuses to be fed what the graph does not declare, and wants all that it does
    given = [
        helper.make_tensor_value_info(name, kind, ["rows", width])
        for name, (kind, width) in inputs.items()
        if name in used
    ]
    constants = [tensor for tensor in model.graph.initializer if tensor.name in used]
    graph = helper.make_graph(list(nodes), "part", given, [output], initializer=constants)
    opsets = list(model.opset_import)
    part = helper.make_model(graph, opset_imports=opsets, ir_version=model.ir_version)
    # `OnnxModel` reads task and columns off these, as it does of the file
    part.metadata_props.extend(model.metadata_props)
    return bytes(part.SerializeToString())


def _apart(model: Any, task: str, columns: Columns) -> Anatomy:
    numbers = tuple(columns.numbers)
    terms, nodes = take_terms(model)
    lookups = tuple(read_lookup(node) for node in nodes if node.op_type == "LabelEncoder")
    # without the encoders of text: the places that they would answer come in as inputs
    nodes = [node for node in nodes if node.op_type != "LabelEncoder"]
    inputs: dict[str, tuple[int, int | str]] = {
        **dict.fromkeys(numbers, (TensorProto.FLOAT, 1)),
        **{lookup.name: (TensorProto.INT64, 1) for lookup in lookups},
        **{lookup.name: (TensorProto.FLOAT, lookup.table.width) for lookup in terms},
    }
    (answer,) = model.graph.output
    ensemble = [node for node in nodes if node.op_type == "TreeEnsemble"]
    whole = cut_part(model, nodes, inputs, answer)
    # a forest of several classes is a TreeEnsembleRegressor, whose leaves add to all outputs;
    # linear models and networks have no trees
    if len(ensemble) != 1:
        return Anatomy(task, numbers, lookups, terms, whole)
    (tree,) = ensemble
    # the trees are fed through a cast to double; before it rows are float32, as thresholds are
    (cast,) = [node for node in nodes if node.output[0] == tree.input[0]]
    encoded = helper.make_node("Identity", [cast.input[0]], [ENCODED])
    given = _attributes(tree)
    before = _needed(nodes, cast.input[0])
    made = helper.make_tensor_value_info(ENCODED, TensorProto.FLOAT, ["rows", "columns"])
    renamed = helper.make_node("Identity", [SUMS], [tree.output[0]])
    behind = [node for node in _needed(nodes, answer.name) if node not in (*before, cast, tree)]
    return Anatomy(
        task,
        numbers,
        lookups,
        terms,
        whole,
        cut_part(model, [*before, encoded], inputs, made),
        ensembles.read_trees(given),
        int(given["n_targets"]),
        cut_part(model, [renamed, *behind], {SUMS: (TensorProto.DOUBLE, "columns")}, answer),
    )


def _attributes(node: Any) -> dict[str, Any]:
    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


def _needed(nodes: Sequence[Any], name: str) -> list[Any]:
    """Return the nodes that this value is made of, in their order."""
    wanted, needed = {name}, []
    # ONNX wants nodes in an order in which each comes after those that feed it
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            needed.append(node)
    return needed[::-1]
