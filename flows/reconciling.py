"""Find what an event lost, and start what is missing."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.events.task import announce
from tasks.reconciliation.task import (
    attempt,
    close_hopeless,
    find_changed,
    honour_alias,
    list_pipelines,
    look,
    remember_quiet,
    start,
)
from tasks.store.task import leave_outcome
from tasks.store.tidying import tidy_hourly


@flow(name="reconcile", flow_run_name="reconcile")
def reconcile(grace: float = 20.0, patience: float = 60.0) -> dict[str, Any]:
    """Compare what lies in the bucket with what was done, for each pipeline alone.

    What came in the last `grace` seconds is left to its event. What was started twice in vain is
    started again after `patience` seconds, then after three, seven and at most fifteen times that.
    A pipeline that is as it was when nothing waited there is passed over.
    """
    failed: list[dict[str, str]] = []
    runs, told, quiet = [], [], {}
    pipelines = list_pipelines()
    # None where that fails, MLflow being away: then every pipeline is looked at.
    changed = attempt("all", failed, find_changed, pipelines)
    for pipeline, mark in (dict.fromkeys(pipelines) if changed is None else changed).items():
        # Each step in an attempt of its own: one broken pipeline must not stop the others.
        looked = attempt(pipeline, failed, look, pipeline, grace, patience)
        launches = looked.launches if looked else ()
        runs += [attempt(pipeline, failed, start, launch) for launch in launches]
        for decision, reason in looked.hopeless if looked else ():
            news = attempt(pipeline, failed, close_hopeless, pipeline, decision, reason)
            if news is not None:
                announce(news[0], pipeline, news[1])
        before = len(failed)
        said = attempt(pipeline, failed, honour_alias, pipeline)
        told.append(said)
        if looked and looked.quiet and mark and not said and len(failed) == before:
            quiet[pipeline] = mark
    if quiet:
        attempt("all", failed, remember_quiet, pipelines, quiet)
    attempt("all", failed, tidy_hourly)
    started = [run for run in runs if run]
    return leave_outcome({"started": started, "told": [*filter(None, told)], "failed": failed})
