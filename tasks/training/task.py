"""The Prefect tasks of the training flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from prefect import get_run_logger, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, State

from tasks.config import find_pipeline, window_length
from tasks.errors import StoreUnavailable, TrackingError
from tasks.faults import external_write
from tasks.retries import retry_when
from tasks.settings import Settings

if TYPE_CHECKING:
    from tasks.promotion.gate import Verdict
    from tasks.training.contender import Contender
    from tasks.training.steps import Judged
    from tasks.training.work import Work
    from tasks.tuning.trial import Progress, Tuning

# Learning libraries are imported by the task that needs them: `perennial apply` reads the flow's
# parameters and must not wait for them.
Value = TypeVar("Value")
RETRIES: dict[str, Any] = {
    "cache_policy": NO_CACHE,  # results are kept by content, in the bucket: see Work.once
    "retries": 3,
    "retry_delay_seconds": [1, 5, 15],
    "retry_condition_fn": retry_when(StoreUnavailable, TrackingError),
}


@task(name="pin", **RETRIES)
def pin(pipeline: str) -> Work:
    """Pin the run to a data version, the configuration, the code, the lock and the seed."""
    from tasks.store.s3 import S3Store
    from tasks.training.pinning import pinned
    from tasks.training.work import Work

    settings = Settings.from_environment()
    configuration = find_pipeline(pipeline, settings.pipelines)
    plan = pinned(settings, configuration, window_length(configuration))
    get_run_logger().info("Data version %d, training key %s", plan.data.version, plan.key[:12])
    return Work(settings, S3Store(settings), configuration, plan)


@task(name="look for the same plan", **RETRIES)
def already_done(work: Work) -> dict[str, Any] | None:
    """Return the outcome of a finished run of the same plan, or None."""
    from tasks.training import finish
    from tasks.training.telling import outcome_of

    done = finish.settled(work)
    if done is None:
        return None
    get_run_logger().info(done["summary"])
    return outcome_of(work, done)


@task(name="tune", **RETRIES)
def tune(work: Work) -> Tuning | State[Tuning]:
    """Choose family and parameters by forward-chaining folds of the training window."""
    from tasks.training import steps

    logger = get_run_logger()

    def say(progress: Progress) -> None:
        trial = progress.trial
        logger.info(
            "Trial %d of at most %d: %s %s %.4f (best %.4f)",
            progress.done,
            progress.most,
            trial.setting.family,
            trial.origin,
            trial.mean,
            progress.best,
        )

    tuning, known = steps.tune(work, say)
    logger.info("Chosen: %s. %s", tuning.chosen.family, tuning.why)
    return _or_cached(tuning, known, work)


@task(name="fit", **RETRIES)
def fit(work: Work, tuning: Tuning) -> Contender | State[Contender]:
    """Fit the chosen setting on the training window and export it."""
    from tasks.training import steps

    contender, known = steps.fit(work, tuning.chosen)
    get_run_logger().info(
        "Fitted %s on %d rows in %.1f s", tuning.chosen.family, contender.rows, contender.seconds
    )
    return _or_cached(contender, known, work)


@task(name="evaluate", **RETRIES)
def evaluate(work: Work, contender: Contender) -> Judged | State[Judged]:
    """Judge the exported model on the holdout, and against the champion."""
    from tasks.training import finish, steps

    judged, known = steps.evaluate_holdout(work, contender)
    get_run_logger().info(finish.why_promoted(judged))
    return _or_cached(judged, known, work)


@task(name="gate", **RETRIES)
def judge(work: Work, contender: Contender, judged: Judged) -> Verdict:
    """Put the evidence before the gate's rules, and show every rule with its figures."""
    from tasks.promotion import gate
    from tasks.training import steps

    verdict = gate.judge(steps.evidence(contender, judged), work.pipeline.gate)
    create_markdown_artifact(
        verdict.to_markdown(), key=f"verdict-{work.pipeline.name}", description="The gate's verdict"
    )
    for rule in verdict.rules:
        logger = get_run_logger()
        (logger.info if rule.passed else logger.warning)("%s: %s", rule.rule, rule.figures)
    return verdict


@task(name="refit", **RETRIES)
def refit(
    work: Work, tuning: Tuning, contender: Contender, verdict: Verdict
) -> Contender | State[Contender]:
    """Fit the winner again with the holdout, where the file asks for it and the gate passed it."""
    from tasks.promotion.rules import GOLDEN_TOLERANCE
    from tasks.training import steps

    if not (verdict.passed and work.pipeline.training.refit):
        return contender
    final, known = steps.refit(work, tuning.chosen)
    if final.difference > GOLDEN_TOLERANCE:
        get_run_logger().warning("The refitted model does not export exactly; the first is kept.")
        return contender
    return _or_cached(final, known, work)


@task(name="publish", **RETRIES)
def publish(
    work: Work,
    tuning: Tuning,
    contender: Contender,
    judged: Judged,
    verdict: Verdict,
    final: Contender,
) -> int:
    """Track the run in MLflow, publish the model in the bucket, and register its version."""
    from tasks.tracking.experiment import track
    from tasks.tracking.links import run_url
    from tasks.tracking.registry import register
    from tasks.training import finish
    from tasks.training.telling import told

    telling = told(work, tuning, contender, judged, verdict, final)
    with external_write("train.track"):
        run = track(work.settings, telling.record)
    version = finish.publish(work, tuning, final, judged.evaluation, verdict, run)
    with external_write("train.register"):
        register(
            work.settings,
            pipeline=work.pipeline.name,
            version=version,
            key=work.plan.key,
            run_id=run,
            model=final.model,
            columns=telling.columns,
            description=f"{tuning.chosen.family}: {finish.why_promoted(judged)}",
            marks=telling.marks,
            about=work.pipeline.description,
        )
    create_link_artifact(
        run_url(work.settings, run),
        "MLflow run",
        key=f"mlflow-run-{work.pipeline.name}",
        description="The run in MLflow: trials, metrics, plots, model card",
    )
    create_markdown_artifact(
        telling.card, key=f"model-card-{work.pipeline.name}", description="The model card"
    )
    return version


@task(name="promote", **RETRIES)
def promote(
    work: Work,
    tuning: Tuning,
    contender: Contender,
    judged: Judged,
    verdict: Verdict,
    version: int,
    cause: str,
) -> dict[str, Any]:
    """Record the verdict in the ledger, and put in service what passed."""
    from tasks.training import finish
    from tasks.training.telling import outcome_of

    ended = finish.conclude(work, contender, judged, verdict, version, cause)
    get_run_logger().info(ended.summary)
    return outcome_of(
        work,
        {
            "outcome": ended.outcome,
            "passed": ended.outcome in ("promoted", "already"),
            "version": version,
            "summary": ended.summary,
            "why": tuning.why,
            "rules": ended.verdict.to_dict()["rules"],
        },
    )


def _or_cached(value: Value, known: bool, work: Work) -> Value | State[Value]:
    """Show in the Prefect page that nothing was computed."""
    if not known:
        return value
    message = f"Same data version ({work.plan.data.version}), code and configuration: reused."
    get_run_logger().info(message)
    return Completed(name="Cached", message=message, data=value)
