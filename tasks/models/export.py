"""The fitted model as ONNX: encoders, estimator and answer in one graph.

Opset 18, ai.onnx.ml 5 (3 for a forest of several classes), IR version 9. Inputs are the prepared
columns by name, (rows, 1) of float32 or text; the one output is `probabilities` (rows, classes)
in float32, or `value` (rows, 1) in double. Everything between is computed in double, as
scikit-learn does, but for a forest of several classes, whose answer is within 1e-6.
"""

from __future__ import annotations

import json

import numpy as np

from tasks.errors import DataError
from tasks.features.preprocessing import BOUND, Standardise
from tasks.features.schema import Columns
from tasks.models.encoders import Block, read_blocks
from tasks.models.families import FAMILIES
from tasks.models.graph import DOUBLE, FLOAT, STRING, Graph
from tasks.models.model import Model

FORMAT = "1"


def to_onnx(model: Model, columns: Columns, task: str) -> bytes:
    """Return the fitted model's ONNX bytes; the same bytes for the same model.

    Raises:
        DataError: the classes learned are not 0..k-1 without a gap.
    """
    classes = _classes(model, task)
    graph = Graph([*columns.numbers, *columns.written])
    for name in columns.numbers:
        graph.input(name, FLOAT)
    for name in columns.written:
        graph.input(name, STRING)
    blocks = read_blocks(model.pipeline_.named_steps["encoders"])
    encoded = graph.beside([_block(graph, block) for block in blocks])
    estimator = model.pipeline_.named_steps["model"]
    answer = FAMILIES[model.family].to_onnx(graph, encoded, estimator, classes)
    notes = {
        "perennial.format": FORMAT,
        "perennial.task": task,
        "perennial.columns": json.dumps(
            {k: v for k, v in columns._asdict().items() if k != "texts" or v}
        ),
    }
    if classes:
        return graph.finish(answer, "probabilities", FLOAT, classes, notes=notes)
    scaled = graph.node("Mul", [answer, graph.constant(np.array([model.spread_]))])
    value = graph.node("Add", [scaled, graph.constant(np.array([model.center_]))])
    return graph.finish(value, "value", DOUBLE, 1, notes=notes)


def _classes(model: Model, task: str) -> int:
    if task == "regression":
        return 0
    learned = model.classes_.tolist()
    # a graph's columns are classes by their place: with a gap all behind it would be others
    if learned != list(range(len(learned))):
        rule = "the training rows hold every class"
        raise DataError("model", rule, f"classes {learned[:20]}", "Widen the training window.")
    return len(learned)


def _block(graph: Graph, block: Block) -> str:
    if block.tables:
        found = zip(block.columns, block.tables, strict=True)
        rows = graph.beside([graph.lookup(name, keys, table) for name, (keys, table) in found])
    elif block.terms:
        texts = zip(block.columns, block.terms, strict=True)
        rows = graph.beside([graph.terms(name, table) for name, table in texts])
    else:
        rows = graph.beside(block.columns)
    if block.flags:
        rows = graph.single(graph.node("IsNaN", [rows]))
    return rows if block.scaling is None else _standardise(graph, block.scaling, rows)


def _standardise(graph: Graph, step: Standardise, rows: str) -> str:
    missing = graph.node("IsNaN", [rows])
    filled = graph.node("Where", [missing, graph.constant(step.fill_), rows])
    centred = graph.node("Sub", [filled, graph.constant(step.mean_)])
    scaled = graph.node("Div", [centred, graph.constant(step.scale_)])
    # operator by operator what `Standardise.transform` does, and in float32 as there
    bounds = [graph.constant(np.array(bound, np.float32)) for bound in (-BOUND, BOUND)]
    return graph.node("Clip", [scaled, *bounds])
