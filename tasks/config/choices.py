"""What a pipeline file may choose among. Pure."""

from __future__ import annotations

from typing import Literal

from tasks.store.layout import BATCH, INGESTED_AT

Task = Literal["binary", "multiclass", "regression"]
Occasion = Literal["quarantined", "refused", "promoted", "awaiting", "degraded", "failed"]
# The first of a task decides where the file names none.
METRICS: dict[str, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "log_loss", "brier", "accuracy", "f1"),
    "multiclass": ("log_loss", "accuracy", "f1_macro", "roc_auc_ovr"),
    "regression": ("rmse", "mae", "r2"),
}
FAMILIES = ("linear", "random_forest", "extra_trees", "lightgbm", "mlp")
# The table's own columns, and those that stand beside a batch's while it is judged and labelled.
RESERVED = frozenset(
    (
        *(BATCH, INGESTED_AT, "_row", "_hash", "_count", "_known", "_known_late"),
        *("_event", "_there", "_kind", "_late"),
    )
)
# What scoring writes beside a row's key and time; one column of a table cannot be two things.
OUTPUTS = ("prediction", "model_version", "_row")
PROBABILITY = "probability_"  # before a class


def is_output(name: str) -> bool:
    """Say whether scoring writes a column of this name; case makes no other column in a table.

    >>> is_output("Prediction"), is_output("probability_yes"), is_output("price")
    (True, True, False)
    """
    folded = name.casefold()
    return folded in OUTPUTS or folded.startswith(PROBABILITY)
