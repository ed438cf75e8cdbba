"""The command `demo`: a year of flights, kept fresh by the loop alone."""

from __future__ import annotations

import calendar
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.apply import apply_all
from deployments.cli.output import reporting, say, show, table
from deployments.cli.stack import with_port_offset
from deployments.local import stack as local
from deployments.local.status import StackStatus
from deployments.patience import over_a_restart
from deployments.session import open_session
from tasks.records import plain
from tasks.settings import Settings, home_folder
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from deployments.demo.year import Month

FIRST, LAST = 4, 12  # the months that come as files of their own
MISTAKEN = 7  # the month whose sender makes a mistake first
HEAD = ["month", "rows", "refused", "drift", "live", "static", "decision", "cost", "version"]
WIDTHS = (9, 7, 7, 5, 6, 6, 26, 18, 7)  # fixed, for a line is shown before the next is known


@reporting
@with_port_offset
@click.option(
    "--until",
    type=click.IntRange(FIRST, LAST),
    default=LAST,
    show_default=True,
    help="The last month to send.",
)
def demo(port_offset: int | None, until: int, as_json: bool) -> None:
    """Start the stack, send in the flights of 2013, and watch the loop keep a model fresh.

    January to March come as one file, each later month as its own. Nothing else is called: the
    arrival of a file starts all that follows. The stack stays up; `perennial down` stops it.
    """
    start = time.monotonic()

    def step(text: str) -> None:
        say(f"[{time.monotonic() - start:5.1f} s] {text}")

    step("Starting the local stack")
    state = local.up(home_folder(), port_offset, say)
    step("Applying the pipelines")
    over_a_restart(lambda: apply_all(say), say)
    workspace = open_session("flights")
    with tempfile.TemporaryDirectory() as scratch:
        months, first = _year(workspace, Path(scratch), until, step)
    document = _document(workspace, state, first, months)
    step("Done")
    show(document, as_json, lambda: _summary(document))


def _year(
    workspace: Workspace, folder: Path, until: int, step: Callable[[str], None]
) -> tuple[list[Month], dict[str, Any]]:
    from deployments.demo.flights import first_quarter, mistaken_month, month
    from deployments.demo.year import Loop, first_champion, send_month

    loop = Loop(workspace, say)
    step("Sending January to March as one file; its arrival starts the rest")
    first = first_champion(loop, first_quarter(folder))
    step(f"First champion: {first.summary}")
    say("")
    say(_line(HEAD))
    months = []
    for number in range(FIRST, until + 1):
        # Awaited before the right file is sent: what is refused must not count for the next.
        mistake = loop.send(mistaken_month(number, folder)) if number == MISTAKEN else None
        refused = int(mistake is not None and mistake.kind == "quarantine")
        name = calendar.month_name[number]
        months.append(send_month(loop, name, month(number, folder), refused))
        say(_line(_cells(months[-1])))
    say("")
    return months, dict(first.figures)


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
    workspace: Workspace, state: StackStatus, first: dict[str, Any], months: list[Month]
) -> dict[str, Any]:
    from deployments.demo.year import keep_plot
    from deployments.prefect_api import deployments_page
    from tasks.tracking.experiment import find_experiment_page

    tracking = workspace.tracking or ""
    return {
        "pipeline": workspace.name,
        "metric": workspace.pipeline.metric,
        "first": {"score": first.get("score"), "data_version": first.get("data_version")},
        "months": plain(months),
        "mean_live": sum(month.live for month in months) / len(months),
        "mean_static": sum(month.static for month in months) / len(months),
        "retrainings": sum(month.retrained for month in months),
        "plot": str(over_a_restart(lambda: keep_plot(workspace, months), say)),
        "addresses": {
            **state.addresses,
            "prefect": deployments_page(Settings.from_environment()),
            "mlflow": over_a_restart(lambda: find_experiment_page(tracking, workspace.name), say),
        },
    }


def _summary(document: dict[str, Any]) -> str:
    last = document["months"][-1]["name"]
    rows = [
        [f"mean live {document['metric']}, April to {last}", f"{document['mean_live']:.4f}"],
        ["the same without any retraining", f"{document['mean_static']:.4f}"],
        ["retrainings", str(document["retrainings"])],
        ["plot", document["plot"]],
    ]
    return (
        f"{table(['the year', ''], rows)}\n\n"
        f"{table(['look at', ''], document['addresses'].items())}\n\n"
        "`perennial status --logins` says what both pages ask for. The stack stays up until "
        "`perennial down`. `perennial history flights` tells the year; `perennial backtest "
        "flights` compares policies on it."
    )
