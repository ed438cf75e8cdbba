"""Predictions written in the forms in which `forms` reads what is asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from tasks.features.request import RequestSchema
from tasks.promotion.manifest import Manifest
from tasks.serving.served import Predictions

DATATYPES = {
    "number": "FP64",
    "boolean": "BOOL",
    "category": "BYTES",
    "time": "BYTES",
    "text": "BYTES",
}


class OtherModel(NamedTuple):
    """A model that answered some rows: its name as JSON, and the fields that it ignored."""

    head: bytes
    ignored: Sequence[str]


def write_answer(
    head: bytes,
    ids: Sequence[str],
    made: Predictions,
    labels: Sequence[str],
    explanations: Sequence[Mapping[str, Any]] | None = None,
    others: Mapping[int, OtherModel] | None = None,
    ignored: Sequence[str] = (),
) -> bytes:
    """Write Perennial's own form.

    Args:
        head: the model's name as JSON.
        ids: one a row.
        made: what the model says of the rows.
        labels: the classes as keys of an object.
        explanations: one a row, where they were asked for.
        others: by their places, who answered the rows that another model did.
        ignored: fields that were sent and that the model does not look at.

    >>> write_answer(b"{}", ["a1"], Predictions([1], [[0.25, 0.75]]), ("0", "1"))
    b'{"model":{},"predictions":[{"id":"a1","value":1,"probability":{"0":0.25,"1":0.75}}]}'
    """
    predictions: list[dict[str, Any]] = [
        {"id": own, "value": value} for own, value in zip(ids, made.values, strict=True)
    ]
    if made.probabilities is not None:
        for prediction, shares in zip(predictions, made.probabilities, strict=True):
            prediction["probability"] = dict(zip(labels, shares, strict=True))
    if explanations is not None:
        for prediction, explanation in zip(predictions, explanations, strict=True):
            prediction["explanation"] = explanation
    if others:
        for place, other in others.items():
            predictions[place]["model"] = msgspec.Raw(other.head)
            if other.ignored:
                predictions[place]["ignored"] = other.ignored
    more = b',"ignored":%b' % ENCODER.encode(ignored) if ignored else b""
    # the head is encoded once a version, not once a request
    return b'{"model":%b,"predictions":%b%b}' % (head, ENCODER.encode(predictions), more)


def write_mlflow(made: Predictions, probabilities: bool) -> bytes:
    """Write MLflow's form: labels or numbers; probabilities where they are asked for."""
    wanted = made.probabilities if probabilities and made.probabilities else made.values
    return ENCODER.encode({"predictions": wanted})


def write_inference(manifest: Manifest, own: str | None, made: Predictions) -> bytes:
    """Write the Open Inference Protocol's form: the output `value`, and `probability`."""
    rows = len(made.values)
    outputs = [_output("value", made.values, [rows])]
    if made.probabilities is not None:
        flat = [share for shares in made.probabilities for share in shares]
        outputs.append(_output("probability", flat, [rows, len(flat) // rows if rows else 0]))
    named = {"model_name": manifest.pipeline, "model_version": str(manifest.version)}
    return ENCODER.encode(named | ({"id": own} if own else {}) | {"outputs": outputs})


def inference_metadata(manifest: Manifest, request: RequestSchema) -> dict[str, Any]:
    """Return what the Open Inference Protocol says of a model."""
    inputs = [
        {"name": field.name, "datatype": DATATYPES[field.kind], "shape": [-1]}
        for field in request.fields
        if field.used
    ]
    outputs = [{"name": "value", "datatype": _datatype(manifest.classes or (0.0,)), "shape": [-1]}]
    if manifest.classes:
        shape = [-1, len(manifest.classes)]
        outputs.append({"name": "probability", "datatype": "FP64", "shape": shape})
    return {
        "name": manifest.pipeline,
        "versions": [str(manifest.version)],
        "platform": "onnx",
        "inputs": inputs,
        "outputs": outputs,
    }


def _output(name: str, data: Sequence[Any], shape: list[int]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": _datatype(data), "data": data}


def _datatype(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values}
    known = {bool: "BOOL", int: "INT64", float: "FP64"}
    return known.get(kinds.pop(), "BYTES") if len(kinds) == 1 else "BYTES"


ENCODER = msgspec.json.Encoder()
