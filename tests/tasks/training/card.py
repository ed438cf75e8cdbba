"""A model card, as the tests show it."""

from __future__ import annotations

from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.metrics import NAN
from tasks.evaluation.slices import Slice
from tasks.explanation.overview import ColumnShare
from tasks.promotion.rules import Outcome
from tasks.training.model_card import Card, Score

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
        Score(
            "roc_auc",
            Interval(0.6641, 0.6552, 0.6722),
            0.6501,
            {"majority": 0.5, "last value": 0.53},
        ),
        Score(
            "log_loss",
            Interval(0.4902, 0.4811, 0.4987),
            0.4954,
            {"majority": 0.531, "last value": NAN},
        ),
    ),
    verdict="passed",
    rules=(
        Outcome("enough rows", True, "16,000 rows, 200 needed", "large enough"),
        Outcome("no slice falls", True, "worst EWR -0.003", "none fell by more than 0.02"),
    ),
    slices=(
        Slice("origin", "EWR", 6_000, Interval(0.651, 0.64, 0.66), False),
        Slice("origin", "JFK", 5_100, Interval(0.67, 0.655, 0.684), False),
    ),
    calibration="Expected calibration error: 0.021.",
    features={"scheduled_departure_hour": 0.31, "wind_speed": 0.12, "carrier": 0.2},
    looked="Mean size of what a column adds to late: SHAP's values on 2,000 holdout rows.",
    looks=(
        ColumnShare("carrier", 0.187, 0.0106, 0.002),
        ColumnShare("humidity", 0.164, 0.0392, 0.001),
    ),
    imitation="A tree of 8 leaves imitates the model with a fidelity of 0.56.",
    imitated=(("humidity > 79.7", "51%", "35"), ("humidity ≤ 79.7", "12%", "680")),
    params={"n_estimators": 200, "min_samples_leaf": 5},
    limits=("tail_number was left out: 4,000 distinct values.", "2 % of wind_gust is missing."),
    cautions=("Do not use it for flights that do not leave New York.",),
    lineage={"training key": "a" * 64, "data version": "3"},
    created="2026-01-05 12:01 UTC",
)
