"""What a model version says of itself: the manifest of a training run. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.dataset.dataset import naive_figures
from tasks.features.inference import infer_request
from tasks.promotion.manifest import Lineage, Manifest
from tasks.training.choosing import Chosen
from tasks.training.contender import Contender
from tasks.training.work import Work


def make_manifest(work: Work, chosen: Chosen, final: Contender, run: str, version: int) -> Manifest:
    """Return the manifest of the model `final`, which the chosen challenger became.

    `run` is its id in MLflow, or empty.
    """
    data, plan, evaluation = work.dataset, work.plan, chosen.best.judged.evaluation
    return Manifest(
        pipeline=work.pipeline.name,
        version=version,
        schema=data.schema.to_dict(),
        task=work.pipeline.task,
        classes=data.classes,
        golden=final.golden,
        metrics={name: figure.to_dict() for name, figure in evaluation.metrics.items()},
        baselines=evaluation.to_dict()["baselines"],
        data_version=plan.data.version,
        window={"start": final.fitted_from, "end": final.fitted_until},
        run=run,
        training_key=plan.key,
        verdict=chosen.best.verdict,
        created=datetime.now(UTC),
        lineage=Lineage(
            setting=final.setting,
            rows=final.rows,
            fitted_until=final.fitted_until,
            metric=evaluation.metric,
            holdout=evaluation.window or (),
            holdout_rows=evaluation.rows,
            importances=final.importances,
            naive=naive_figures(data.y, len(data.classes)),
            challenger=chosen.best.challenger.text,
            challengers=plan.challengers,
            why=chosen.tuning.why,
            cost=work.cost.to_dict(),
            data=plan.data,
            configuration=plan.configuration,
            code=plan.code,
            lock=plan.lock,
            seed=plan.seed,
            labels=plan.labels,
            without=plan.without,
            transform=work.pipeline.features.transform,
            request=infer_request(data.frame, data.schema, work.pipeline),
        ),
    )
