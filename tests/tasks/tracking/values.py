"""One training run and its model card, as the tests tell them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from onnx import TensorProto, helper

from tasks.tracking.card import Card, Look, RuleResult, Score, SliceScore
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


CARD = Card(
    pipeline="flights",
    version=3,
    description="Will a flight leaving New York arrive more than 15 minutes late?",
    task="binary",
    target="late",
    family="extra_trees",
    metric="roc_auc",
    confidence=0.95,
    data_version=3,
    rows=64_000,
    window="2013-01-01 to 2013-03-13",
    holdout_rows=16_000,
    holdout="2013-03-13 to 2013-03-31",
    tried={"extra_trees": 12, "lightgbm": 18},
    why="The defaults of extra_trees: no tuned setting was better by more than the folds' spread.",
    scores=(
        Score("roc_auc", 0.6641, 0.6552, 0.6722, 0.6501, {"majority": 0.5, "last value": 0.53}),
        Score("log_loss", 0.4902, 0.4811, 0.4987, 0.4954, {"majority": 0.531, "last value": None}),
    ),
    verdict="passed",
    rules=(
        RuleResult("enough rows", True, "16,000 rows, 200 needed", "large enough"),
        RuleResult("no slice falls", True, "worst EWR -0.003", "none fell by more than 0.02"),
    ),
    slices=(
        SliceScore("origin", "EWR", 6_000, 0.651, 0.64, 0.66),
        SliceScore("origin", "JFK", 5_100, 0.67, 0.655, 0.684),
    ),
    calibration="Expected calibration error: 0.021.",
    features={"scheduled_departure_hour": 0.31, "wind_speed": 0.12, "carrier": 0.2},
    looked="Mean size of what a column adds to late: SHAP's values on 2,000 holdout rows.",
    looks=(Look("carrier", 0.187, 0.0106, 0.002), Look("humidity", 0.164, 0.0392, 0.001)),
    imitation="A tree of 8 leaves imitates the model with a fidelity of 0.56.",
    imitated=(("humidity > 79.7", "51%", "35"), ("humidity ≤ 79.7", "12%", "680")),
    params={"n_estimators": 200, "min_samples_leaf": 5},
    limits=("tail_number was left out: 4,000 distinct values.", "2 % of wind_gust is missing."),
    cautions=("Do not use it for flights that do not leave New York.",),
    lineage={"training key": "a" * 64, "data version": "3"},
    created="2026-01-05 12:01 UTC",
)
