"""What a version came from, where a test does not care."""

from __future__ import annotations

from tasks.data.reference import DatasetRef
from tasks.models.setting import Setting
from tasks.promotion.manifest import Lineage

LINEAGE = Lineage(
    setting=Setting("linear", {}),
    rows=0,
    fitted_until="2024-01-01T00:00:00.000000",
    metric="roc_auc",
    holdout=("2024-01-01T00:00:00", "2024-02-01T00:00:00"),
    holdout_rows=0,
    importances={},
    naive={},
    challenger="tuned",
    challengers=("tuned",),
    why="",
    cost={},
    data=DatasetRef("flights", 1),
    configuration="",
    code="",
    lock="",
    seed=7,
    log_predictions=True,
)
