"""The plots of a training run, by artifact path."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.evaluation.metrics import METRICS
from tasks.features.schema import origins
from tasks.models.importance import by_feature
from tasks.tracking import plots
from tasks.tracking.record import Bounds
from tasks.training.choosing import Chosen
from tasks.training.contender import Contender
from tasks.training.steps import HoldoutResult
from tasks.training.work import Work

TITLES = {
    "plots/metric.png": "Against the baselines",
    "plots/features.png": "What it looks at",
    "plots/roc.png": "ROC",
    "plots/precision_recall.png": "Precision and recall",
    "plots/reliability.png": "Reliability",
    "plots/confusion.png": "Confusion",
    "plots/residuals.png": "Residuals",
    "plots/tuning.png": "What was tried",
}


def draw_plots(work: Work, chosen: Chosen, final: Contender) -> Mapping[str, bytes]:
    """Draw every plot the evaluation has figures for."""
    tuning, judged = chosen.tuning, chosen.best.judged
    evaluation = judged.evaluation
    better = METRICS[evaluation.metric].greater_is_better
    curves = evaluation.curves
    images = {
        "plots/metric.png": plots.comparison(evaluation.metric, _compared(judged), better),
        "plots/features.png": plots.importances(
            by_feature(final.importances, origins(work.dataset.schema))
        ),
    }
    if tuning.trials:
        images["plots/tuning.png"] = plots.tuning(
            evaluation.metric,
            [trial.setting.family for trial in tuning.trials],
            [trial.mean for trial in tuning.trials],
            # none where the champion's setting was chosen, and the search did not try it
            next((p for p, t in enumerate(tuning.trials) if t.setting == tuning.chosen), None),
            better,
        )
    if "roc" in curves:
        roc, ranked = curves["roc"], curves["precision_recall"]
        area = evaluation.metrics["roc_auc"].value
        rate = sum(curves["confusion"][1]) / evaluation.rows
        images["plots/roc.png"] = plots.roc(
            roc["false_positive_rate"], roc["true_positive_rate"], area
        )
        images["plots/precision_recall.png"] = plots.precision_recall(
            ranked["recall"], ranked["precision"], rate
        )
    if "reliability" in curves:
        images["plots/reliability.png"] = plots.reliability(**curves["reliability"])
    if "confusion" in curves:
        classes = [str(label) for label in work.dataset.classes]
        images["plots/confusion.png"] = plots.confusion(curves["confusion"], classes)
    if "residuals" in curves:
        images["plots/residuals.png"] = plots.residuals(
            **curves["residuals"], unit=work.pipeline.target
        )
    return images


def _compared(judged: HoldoutResult) -> dict[str, Bounds]:
    score = judged.evaluation.deciding
    figures: dict[str, Bounds] = {"this model": (score.value, score.low, score.high)}
    if judged.comparison is not None:
        champion = judged.comparison
        figures[f"version {champion.version}"] = (champion.score, None, None)
    return figures | {
        name: (value, None, None) for name, value in judged.evaluation.baselines.items()
    }
