"""The command `demo`: a year of flights, kept fresh by the loop alone."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.apply import apply_all
from deployments.cli.output import reporting, say, show, table
from deployments.local import stack as local
from deployments.local.status import StackStatus
from deployments.session import Session, open_session
from tasks.records import plain
from tasks.settings import home_folder

if TYPE_CHECKING:
    from deployments.demo.year import Month

NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
MISTAKEN = 7  # the month whose sender makes a mistake first
HEAD = ["month", "rows", "refused", "drift", "live", "static", "decision", "cost", "version"]
WIDTHS = (9, 7, 7, 5, 6, 6, 26, 18, 7)


@click.command()
@click.option("--port-offset", type=click.IntRange(0, 46_185), help="Shift every port by this.")
@reporting
def demo(port_offset: int | None, as_json: bool) -> None:
    """Start the stack, send in the flights of 2013, and watch the loop keep a model fresh.

    January to March come as one file, each later month as its own. Nothing else is called: the
    arrival of a file starts all that follows. The stack stays up; `perennial down` stops it.
    """
    step = _clock()
    step("Starting the local stack")
    state = local.up(home_folder(), port_offset, say)
    step("Applying the pipelines")
    apply_all(say)
    session = open_session("flights")
    with tempfile.TemporaryDirectory() as scratch:
        months, first = _year(session, Path(scratch), step)
    document = _document(session, state, first, months)
    step("Done")
    show(document, as_json, lambda: _summary(document))


def _year(
    session: Session, folder: Path, step: Callable[[str], None]
) -> tuple[list[Month], dict[str, Any]]:
    from deployments.demo.flights import first_quarter, mistaken_month, month
    from deployments.demo.year import Loop, first_champion, send_month

    loop = Loop(session)
    step("Sending January to March as one file; its arrival starts the rest")
    first = first_champion(loop, first_quarter(folder))
    step(f"First champion: {first.summary}")
    say("")
    say(_line(HEAD))
    months = []
    for number in range(4, 13):
        mistake = loop.send(mistaken_month(number, folder)) if number == MISTAKEN else None
        refused = int(mistake is not None and mistake.kind == "quarantine")
        found = send_month(loop, NAMES[number - 1], month(number, folder), refused)
        say(_line(_cells(found)))
        months.append(found)
    say("")
    return months, dict(first.figures)


def _clock() -> Callable[[str], None]:
    start = time.monotonic()

    def step(text: str) -> None:
        say(f"[{time.monotonic() - start:5.1f} s] {text}")

    return step


def _cells(month: Month) -> list[str]:
    return [
        month.name,
        f"{month.rows:,}",
        str(month.refused or ""),
        f"{month.drift:.0%}",
        f"{month.live:.3f}",
        f"{month.static:.3f}",
        f"retrain: {month.decision}" if month.retrained else month.decision,
        month.price,
        str(month.version),
    ]


def _line(cells: Sequence[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def _document(
    session: Session, state: StackStatus, first: dict[str, Any], months: list[Month]
) -> dict[str, Any]:
    from deployments.demo.plot import keep_plot
    from deployments.prefect_api import deployments_page
    from tasks.tracking.experiment import find_experiment_page

    live = [month.live for month in months]
    static = [month.static for month in months]
    return {
        "pipeline": session.pipeline.name,
        "metric": session.pipeline.metric,
        "first": {"score": first.get("score"), "data_version": first.get("data_version")},
        "months": plain(months),
        "mean_live": sum(live) / len(live),
        "mean_static": sum(static) / len(static),
        "retrainings": sum(month.retrained for month in months),
        "plot": str(keep_plot(session, months)),
        "addresses": {
            **state.to_dict()["addresses"],
            "prefect": deployments_page(session.settings),
            "mlflow": find_experiment_page(session.workspace.tracking or "", session.pipeline.name),
        },
    }


def _summary(document: dict[str, Any]) -> str:
    metric = document["metric"]
    rows = [
        [f"mean live {metric}, April to December", f"{document['mean_live']:.4f}"],
        ["the same without any retraining", f"{document['mean_static']:.4f}"],
        ["retrainings", str(document["retrainings"])],
        ["plot", document["plot"]],
    ]
    addresses = [[name, address] for name, address in document["addresses"].items()]
    return "\n\n".join(
        [
            table(["the year", ""], rows),
            table(["look at", ""], addresses),
            "The stack stays up until `perennial down`. `perennial history flights` tells the "
            "year; `perennial backtest flights` compares policies on it.",
        ]
    )
