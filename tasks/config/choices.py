"""What a pipeline file may choose among. Pure."""

from __future__ import annotations

from typing import Literal

Task = Literal["binary", "multiclass", "regression"]
Occasion = Literal["quarantined", "refused", "promoted", "awaiting", "degraded"]
# The first of a task decides where the file names none.
METRICS: dict[str, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "log_loss", "brier", "accuracy", "f1"),
    "multiclass": ("log_loss", "accuracy", "f1_macro", "roc_auc_ovr"),
    "regression": ("rmse", "mae", "r2"),
}
FAMILIES = ("linear", "random_forest", "extra_trees", "lightgbm", "mlp")
