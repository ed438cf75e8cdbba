"""What a model version says of itself, and takes along so that it can be watched. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from tasks.dataset.dataset import naive_figures
from tasks.documents import seal
from tasks.drift.encoding import encode_profile
from tasks.drift.profiling import Profiler, predictions_profile, target_profile
from tasks.estimation.estimator import Estimator
from tasks.evaluation.suspicion import associations, surest_wrong
from tasks.features.inference import infer_request
from tasks.features.prepare import prepared_columns
from tasks.features.terms import count_words
from tasks.policy.challengers import select_rows
from tasks.promotion.manifest import ESTIMATOR, PROFILE, SIGNS, Lineage, Manifest
from tasks.signatures import canonical
from tasks.training.choosing import Candidate, Chosen
from tasks.training.contender import Contender
from tasks.training.steps import judged_answers
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
            evidence=evaluation.how,
            importances=final.importances,
            naive=naive_figures(data.y, len(data.classes), ordered=data.hashes is None),
            challenger=chosen.best.challenger.text,
            challengers=plan.challengers,
            why=chosen.tuning.why,
            # a number each: what an earlier release kept of a step knows no bytes
            cost={name: value for name, value in work.cost.to_dict().items() if value is not None},
            data=plan.data,
            configuration=plan.configuration,
            code=plan.code,
            lock=plan.lock,
            seed=plan.seed,
            labels=plan.labels,
            without=plan.without,
            transform=work.pipeline.features.transform,
            request=infer_request(data.frame, data.schema, work.pipeline),
            log_predictions=work.pipeline.serving.log_predictions,
        ),
    )


def gather_keepsakes(work: Work, judged: Candidate, final: Contender) -> dict[str, bytes]:
    """Return the files to publish beside the model, by name."""
    data, pipeline = work.dataset, work.pipeline
    holdout, classes = data.split.holdout, len(data.classes)
    y, shown, columns = data.y[holdout], data.prepared[holdout], prepared_columns(data.schema)
    # the features are profiled on the rows that `final` was fitted on; `refit_winner` hands the
    # very same object on where nothing was refitted
    refitted = final is not judged.contender
    within = np.ones(len(data.y), dtype=bool) if refitted else data.split.training
    learned = data.prepared[select_rows(judged.challenger.length, data.times, within)]
    profiler = Profiler(columns, data.classes)
    profiler.add(learned)
    # on its own training rows a model is too sure: predictions and target are the holdout's
    # of several judgements of a row the first: a profile counts rows
    predictions = judged_answers(work, judged.contender, judged.challenger)[:: data.split.repeats]
    labels = data.frame[pipeline.target][holdout].to_numpy()
    profile = profiler.result().judged_on(
        predictions_profile(predictions, data.classes), target_profile(labels, data.classes)
    )
    shown = count_words(shown, columns)
    estimator = Estimator.fit(
        pipeline.task, pipeline.metric, classes, y, predictions, shown, pipeline.training.seed
    )
    signs = {
        "associations": associations(shown, y, classes),
        "surest_wrong": surest_wrong(y, predictions)[0] if classes else None,
    }
    return {
        PROFILE: encode_profile(profile),
        ESTIMATOR: canonical(seal("estimator", estimator.to_dict())),
        SIGNS: canonical(seal("signs", signs)),
    }
