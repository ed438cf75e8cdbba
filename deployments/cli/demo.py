"""The command `demo`: from nothing to a champion, on real flights."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from deployments.cli.apply import apply_all
from deployments.cli.output import reporting, say, show, table
from deployments.cli.running import Session, follow, open_session
from deployments.cli.runs import batches_table, interval, score_file, training_summary
from deployments.local import stack as local
from tasks.errors import Refused
from tasks.settings import home_folder

MONTHS = {1: "January", 2: "February", 3: "March", 4: "April"}


@click.command()
@click.option("--port-offset", type=click.IntRange(0, 46_185), help="Shift every port by this.")
@reporting
def demo(port_offset: int | None, as_json: bool) -> None:
    """Start the stack, bring in January to March 2013, train, promote, and score April.

    The stack stays up; `perennial down` stops it.
    """
    step = _clock()
    step("Starting the local stack")
    state = local.up(home_folder(), port_offset, say)
    step("Applying the pipelines")
    apply_all(say)
    session = open_session("flights")
    with tempfile.TemporaryDirectory() as scratch:
        files = _months(Path(scratch), step)
        step("Ingesting January to March through the deployment ingest/flights")
        keys = [session.drop(files[month], say) for month in (1, 2, 3)]
        batches = follow(session, "ingest", {"objects": keys}, cause="demo", say=say)["batches"]
        step("Training through the deployment train/flights")
        training = follow(session, "train", {}, cause="demo", say=say)
        if not training["passed"]:
            raise Refused("demo", "the first model passes the gate", training["summary"])
        step("Scoring April through the deployment score/flights")
        april = score_file(session, files[4], cause="demo")
    document = _document(session, state, batches, training, april)
    step("Done")
    show(document, as_json, lambda: _summary(document))


def _clock() -> Callable[[str], None]:
    start = time.monotonic()

    def step(text: str) -> None:
        say(f"[{time.monotonic() - start:5.1f} s] {text}")

    return step


def _months(folder: Path, step: Callable[[str], None]) -> dict[int, Path]:
    from deployments.demo.flights import month

    step("Preparing January to April 2013: flights joined with weather and planes")
    return {number: month(number, folder) for number in MONTHS}


def _document(
    session: Session,
    state: local.StackStatus,
    batches: list[dict[str, Any]],
    training: dict[str, Any],
    april: dict[str, Any],
) -> dict[str, Any]:
    from deployments.prefect_api import deployments_page
    from tasks.tracking.experiment import experiment_url

    return {
        "pipeline": session.pipeline.name,
        "batches": batches,
        "training": training,
        "april": april,
        "addresses": {
            **state.to_dict()["addresses"],
            "prefect": deployments_page(session.settings),
            "mlflow": experiment_url(session.settings, session.pipeline.name),
        },
    }


def _summary(document: dict[str, Any]) -> str:
    training, april = document["training"], document["april"]
    metric = april["metric"]
    rows = [
        ["champion", f"version {april['version']}"],
        ["chosen", training.get("why", training["summary"])],
        [f"{metric} on the holdout", _figure(training.get("metrics", {}), metric)],
        [f"{metric} on April", _figure(april["metrics"], metric)],
        *([f"{name} baseline on April", f"{v:.3f}"] for name, v in april["baselines"].items()),
        ["rows scored", f"{april['rows']:,}"],
    ]
    addresses = [[name, address] for name, address in document["addresses"].items()]
    return "\n\n".join(
        [
            "",
            batches_table(document["batches"]),
            training_summary(training),
            table(["flights", ""], rows),
            table(["look at", ""], addresses),
            "The stack stays up until `perennial down`; `perennial history flights` tells more.",
        ]
    )


def _figure(metrics: dict[str, dict[str, float]], metric: str) -> str:
    return interval(metrics[metric]) if metric in metrics else "-"
