"""One training run, as the tests tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from onnx import TensorProto, helper

from tasks.tracking.record import DatasetRecord, RunRecord, TrialRecord, flatten_bounds, run_name
from tasks.tracking.upload import ModelColumns

STARTED = datetime(2026, 1, 5, 12, tzinfo=UTC)
COLUMNS = ModelColumns(("hour",), ("carrier",), ("probabilities",))
HOSTILE = "<script>alert(1)</script>|`x`$\\frac{"


def trials(count: int) -> tuple[TrialRecord, ...]:
    """Return settings of three families; every fifth was pruned."""
    families = ("lightgbm", "extra_trees", "linear")
    return tuple(
        TrialRecord(
            number,
            families[number % 3],
            "defaults" if number < 3 else "tpe",
            {"depth": number, "rate": 0.1 * number},
            None if number % 5 == 4 else 0.60 + 0.001 * number,
            (0.61, 0.59, 0.60),
            1.5,
            "pruned" if number % 5 == 4 else "complete",
        )
        for number in range(count)
    )


def record(key: str, *, pipeline: str = "flights", trials_made: int = 3) -> RunRecord:
    """Return a run of the training key `key`."""
    window = "2013-01-01 to 2013-03-31"
    return RunRecord(
        pipeline=pipeline,
        key=key,
        name=run_name("extra_trees", "defaults", window),
        metric="roc_auc",
        params={"family": "extra_trees", "trees": 200},
        metrics=flatten_bounds({"roc_auc": (0.66, 0.65, 0.67)}) | {"broken": float("inf")},
        tags={"perennial.data_version": "3", "perennial.code": "c" * 64},
        trials=trials(trials_made),
        dataset=DatasetRecord(
            pipeline,
            3,
            f"s3://perennial/{pipeline}/curated",
            80_000,
            window,
            "d" * 64,
            {"origin": "string", "distance": "double"},
        ),
        started=STARTED,
        ended=STARTED + timedelta(seconds=60),
        note="### What it does\n\nIt predicts late.",
        about="Will a flight arrive more than 15 minutes late?",
        texts={"model-card.md": "# flights"},
        images={"plots/roc.png": b"\x89PNG\r\n\x1a\n"},
    )


def tiny_model() -> bytes:
    """Return an ONNX model of one number and one category to two probabilities."""
    number = helper.make_tensor_value_info("hour", TensorProto.FLOAT, [None, 1])
    category = helper.make_tensor_value_info("carrier", TensorProto.STRING, [None, 1])
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    nodes = [
        helper.make_node("Sigmoid", ["hour"], ["positive"]),
        helper.make_node("Sub", ["one", "positive"], ["negative"]),
        helper.make_node("Concat", ["negative", "positive"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(nodes, "tiny", [number, category], [output], [one])
    opset = [helper.make_opsetid("", 17)]
    model: bytes = helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    return model
