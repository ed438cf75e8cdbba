"""A model card, as the tests show it."""

from __future__ import annotations

from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.evaluate import Evaluation
from tasks.evaluation.metrics import NAN
from tasks.evaluation.slices import Slice
from tasks.explanation.overview import ColumnShare
from tasks.promotion.rule import Outcome
from tasks.training.model_card import Card

CARD = Card(
    pipeline="flights",
    version=3,
    description="Will a flight leaving New York arrive more than 15 minutes late?",
    task="binary",
    target="late",
    family="extra_trees",
    data_version=3,
    rows=64_000,
    window="2013-01-01 to 2013-03-13",
    tried={"extra_trees": 12, "lightgbm": 18},
    why="The defaults of extra_trees: no tuned setting was better by more than the folds' spread.",
    evaluation=Evaluation(
        task="binary",
        metric="roc_auc",
        rows=16_000,
        confidence=0.95,
        rounds=500,
        metrics={
            "roc_auc": Interval(0.6641, 0.6552, 0.6722),
            "log_loss": Interval(0.4902, 0.4811, 0.4987),
        },
        calibration=0.021,
        window=("2013-03-13T00:00:00", "2013-03-31T23:59:00"),
        baseline_metrics={
            "majority": {"roc_auc": 0.5, "log_loss": 0.531},
            "last value": {"roc_auc": 0.53, "log_loss": NAN},
        },
        slices=(
            Slice("origin", "EWR", 6_000, Interval(0.651, 0.64, 0.66), False),
            Slice("origin", "JFK", 5_100, Interval(0.67, 0.655, 0.684), False),
        ),
    ),
    champion=0.6501,
    verdict="passed",
    rules=(
        Outcome("enough rows", True, "16,000 rows, 200 needed", "large enough"),
        Outcome("no slice falls", True, "worst EWR -0.003", "none fell by more than 0.02"),
    ),
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
