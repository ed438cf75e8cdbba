"""The Prefect tasks of the training flow."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import get_client, task
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from prefect.states import Completed, State

from tasks.config import window_length
from tasks.errors import DataError, StoreUnavailable, TrackingError, bounded
from tasks.pages.markdown import escape
from tasks.retries import retried
from tasks.runs import run_logger, show_link, show_markdown, show_table
from tasks.settings import Settings

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from tasks.policy.challengers import ChallengerSpec
    from tasks.training.choosing import Chosen
    from tasks.training.contender import Contender
    from tasks.training.insight import Insight
    from tasks.training.steps import HoldoutResult
    from tasks.training.work import Work
    from tasks.tuning.trial import Progress, Tuning

# Learning libraries are imported by the task that needs them: `perennial apply` reads the flow's
# parameters and must not wait for them.
Value = TypeVar("Value")
# A restart of either server takes seconds; a longer absence is the reconciler's.
RETRIES = retried(StoreUnavailable, TrackingError, waits=(1, 5, 15))


@task(name="pin", **RETRIES)
def pin(pipeline: str, challengers: list[str] | None, with_suspicious: bool) -> Work:
    """Pin the run to a data version, the configuration, the code, the lock and the seed."""
    from tasks.training.pinning import pin_run
    from tasks.training.unseen import tell_unseen
    from tasks.training.work import Work
    from tasks.workspace import open_workspace

    workspace, logger = open_workspace(Settings.from_environment(), pipeline), run_logger()
    asked = tuple(challengers or workspace.pipeline.retraining.challengers)
    length = window_length(workspace.pipeline)
    plan = pin_run(workspace, length, asked, with_suspicious=with_suspicious)
    logger.info("Data version %d, training key %s", plan.data.version, plan.key[:12])
    for batch in plan.without:
        remedy = f"`perennial clear {pipeline} {batch[:12]}` lets it in."
        logger.warning("Batch %s is suspicious and is not learned from. %s", batch[:12], remedy)
    if plan.unseen:
        logger.warning(tell_unseen(plan.unseen, pipeline))
    return Work(workspace, plan)


@task(name="ask whether the decision is open", **RETRIES)
def check_decision(work: Work, decision: str | None) -> dict[str, Any] | None:
    """Return the outcome of a run whose decision was answered before, or None.

    Raises:
        Refused: there is no such decision to retrain.
    """
    from tasks.promotion.deciding import entries_to_decide_by
    from tasks.training.open_decision import find_answer

    if decision is None:
        return None
    name = work.pipeline.name
    answer = find_answer(entries_to_decide_by(work.workspace), decision, name)
    if answer is None:
        return None
    run_logger().info(answer)
    return {"pipeline": name, "outcome": "answered", "summary": answer}


@task(name="look for the same plan", **RETRIES)
def find_earlier_run(work: Work) -> dict[str, Any] | None:
    """Return the outcome of a finished run of the same plan, or None."""
    from tasks.training.answering import answer_open
    from tasks.training.finish import find_earlier_end
    from tasks.training.outcome import describe_outcome

    done = find_earlier_end(work)
    if done is None:
        return None
    answer_open(work, done["version"], done["summary"])
    if _is_scheduled():
        _rename(work, "nothing new")
    run_logger().info(done["summary"])
    return describe_outcome(work, done)


@task(name="ask the limits", **RETRIES)
def ask_limits(work: Work) -> dict[str, Any] | None:
    """Return the outcome of a run of the schedule that the limits hold back, or None."""
    from datetime import UTC, datetime

    from tasks.promotion.deciding import entries_to_decide_by
    from tasks.training.scheduled import judge_scheduled

    if not _is_scheduled():
        return None
    entries, now = entries_to_decide_by(work.workspace), datetime.now(UTC)
    judged = judge_scheduled(entries, now, work.pipeline.limits, first=work.reigning is None)
    _rename(work, judged.word)
    run_logger().info(judged.why)
    if judged.goes_on:
        return None
    return {"pipeline": work.pipeline.name, "outcome": "held back", "summary": judged.why}


@task(name="tune", **RETRIES)
def tune(work: Work) -> Tuning | State[Tuning]:
    """Choose family and parameters by folds of the training window."""
    from tasks.training import steps

    logger = run_logger()
    if work.warm_obstacle is not None:
        logger.warning("warm becomes refitted: %s", work.warm_obstacle)

    def say(progress: Progress) -> None:
        logger.info(progress.text)

    for name, why in work.dataset.schema.left_out.items():
        logger.info("Left out: %s, for %s", name, why)
    tuning, known = steps.choose_setting(work, say, logger.info)
    logger.info("Chosen: %s. %s", tuning.chosen.family, tuning.why)
    return _or_cached(tuning, known, work)


@task(name="fit", **RETRIES)
def fit(
    work: Work, tuning: Tuning, challenger: ChallengerSpec
) -> Contender | State[Contender] | None:
    """Fit a challenger on its part of the training window; None where its rows do not allow it."""
    from tasks.training import steps

    logger = run_logger()
    try:
        contender, known = steps.fit_challenger(work, tuning, challenger)
    except DataError as error:
        _leave_out(work, challenger, error)
        return None
    how = challenger.text
    if challenger.kind == "tuned":
        how = tuning.say_setting(contender.setting)
    what = f"{contender.setting.family} ({how})"
    logger.info("Fitted %s on %d rows in %.1f s", what, contender.rows, contender.seconds)
    return _or_cached(contender, known, work)


@task(name="evaluate", **RETRIES)
def evaluate_challenger(
    work: Work, contender: Contender | None, challenger: ChallengerSpec
) -> HoldoutResult | State[HoldoutResult] | None:
    """Judge the exported model on the holdout, and against the champion."""
    from tasks.training import finish, steps

    if contender is None:
        return None
    try:
        judged, known = steps.evaluate_holdout(work, contender, challenger)
    # a short window of a recent one may hold too few rows in the first folds
    except DataError as error:
        _leave_out(work, challenger, error)
        return None
    run_logger().info("%s: %s", challenger.text, finish.say_result(judged))
    return _or_cached(judged, known, work)


@task(name="gate", **RETRIES)
def gate_challengers(
    work: Work,
    tuning: Tuning,
    contenders: list[Contender | None],
    judged: list[HoldoutResult | None],
) -> Chosen:
    """Put each challenger before the gate's rules, and choose the best that passed."""
    from tasks.training.choosing import choose_challenger

    chosen = choose_challenger(work, tuning, contenders, judged)
    name, verdict = work.pipeline.name, chosen.best.verdict
    show_markdown(verdict.to_markdown(), key=f"verdict-{name}", description="The gate's verdict")
    if len(chosen.candidates) > 1:
        show_table(
            chosen.table(work.costs),
            key=f"challengers-{name}",
            description=escape(chosen.tuning.why),
        )
    logger = run_logger()
    for rule in verdict.rules:
        (logger.info if rule.passed else logger.warning)("%s: %s", rule.rule, rule.figures)
    return chosen


@task(name="refit", **RETRIES)
def refit(work: Work, chosen: Chosen) -> Contender | State[Contender]:
    """Fit the winner again with the holdout, where the file asks for it and the gate passed it."""
    from tasks.training.choosing import refit_winner

    final, known, inexact = refit_winner(work, chosen)
    if inexact:
        run_logger().warning("The refitted model does not export exactly; the first is kept.")
    return _or_cached(final, known, work)


@task(name="explain", **RETRIES)
def explain(work: Work, chosen: Chosen, final: Contender) -> Insight:
    """Say what the model looks at; a failure is logged and said in the card, and ends nothing."""
    from tasks.training.insight import Insight, explain_version

    logger = run_logger()
    try:
        found, known = explain_version(work, chosen, final)
    # a server that is away says nothing of the model: Prefect tries the task again
    except StoreUnavailable:
        raise
    except Exception as error:
        why = bounded(f"{type(error).__name__}: {error}", 300)
        logger.warning("The model could not be explained: %s", why, exc_info=True)
        return Insight(None, failure=why)
    assert found.overview is not None
    largest = ", ".join(share.name for share in found.overview.columns[:3])
    logger.info("%s: %s", "Known already" if known else "It looks most at", largest)
    return found


@task(name="publish", **RETRIES)
def release(work: Work, chosen: Chosen, final: Contender, insight: Insight) -> int:
    """Track the run in MLflow, publish the model in the bucket, and register its version."""
    from tasks.tracking.links import run_url
    from tasks.training import publishing

    version, run, card = publishing.track_and_publish(work, chosen, final, insight)
    name, server = work.pipeline.name, work.workspace.tracking
    if server is not None:
        told = "The run in MLflow: trials, metrics, plots, model card"
        show_link(
            run_url(server, run), link_text="MLflow run", key=f"mlflow-run-{name}", description=told
        )
    description = "The model card"
    show_markdown(card, key=f"model-card-{name}", description=description)
    return version


@task(name="promote", **RETRIES)
def conclude(
    work: Work, chosen: Chosen, version: int, cause: str, decision: str | None
) -> dict[str, Any]:
    """Record the verdict in the ledger, and put in service what passed."""
    from tasks.training import finish
    from tasks.training.outcome import describe_end

    ended = finish.record_and_promote(work, chosen, version, cause, decision)
    logger = run_logger()
    logger.info(ended.summary)
    logger.info(ended.price)
    return describe_end(work, chosen, version, ended, decision)


def _leave_out(work: Work, challenger: ChallengerSpec, error: DataError) -> None:
    # without another challenger there would be nothing to judge
    if len(work.challengers) == 1:
        raise error
    run_logger().warning("The challenger %s is left out: %s", challenger.text, error)


def tell_failure(_flow: Any, run: FlowRun, state: State[Any]) -> None:
    """Record that the training a decision asked for failed, so that it is not tried for ever."""
    from tasks.events.task import send
    from tasks.monitoring.answers import record_failure
    from tasks.workspace import open_place

    decision = run.parameters.get("decision")
    if decision:
        place = open_place(Settings.from_environment(), run.parameters["pipeline"])
        told = record_failure(place, decision, state.message or "")
        # a hook has no log of the run; `status` tells what this event was for
        if told is not None:
            with suppress(Exception):
                send(told[0], place.name, told[1])


def _is_scheduled() -> bool:
    # one that a person starts from the page has the same parameters, and is no run of the clock
    context = FlowRunContext.get()
    run = None if context is None else context.flow_run
    return run is not None and bool(run.auto_scheduled)


def _rename(work: Work, why: str) -> None:
    with get_client(sync_client=True) as client:
        client.update_flow_run(flow_run.id, name=f"train {work.pipeline.name}: schedule, {why}")


def _or_cached(value: Value, known: bool, work: Work) -> Value | State[Value]:
    """Show in the Prefect page that nothing was computed."""
    if not known:
        return value
    message = f"Same data version ({work.plan.data.version}), code and configuration: reused."
    run_logger().info(message)
    return Completed(name="Cached", message=message, data=value)
