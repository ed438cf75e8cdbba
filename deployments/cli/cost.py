"""`perennial cost`: what was spent on a pipeline, and what its retrainings bought."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from deployments.cli.output import complete_pipeline, reporting, show, table
from deployments.cli.standings import open_places
from deployments.local.connection import connect
from tasks.config import find_pipeline
from tasks.errors import ConfigurationError
from tasks.metering import WATTS_A_CORE
from tasks.quantities import parse_duration
from tasks.records import plain
from tasks.settings import home_folder, pipelines_folder
from tasks.spending.bill import Line, Purchase, Spending
from tasks.spending.gathering import gather_spending
from tasks.spending.prices import GB, PriceList, find_prices

ESTIMATE = f"Energy is an estimate: {WATTS_A_CORE:g} W for each busy core (Patterson et al., 2021)."


@reporting
@click.argument("name", required=False, shell_complete=complete_pipeline)
@click.option("--since", metavar="30d", help="Only what was spent in this time until now.")
def cost(name: str | None, since: str | None, as_json: bool) -> None:
    """Show what NAME cost, by month and kind of run, and what its retrainings bought.

    Without NAME, a line a pipeline. Money is told where cost.yaml in the project, or the file that
    PERENNIAL_COST names, says currency, cpu_hour and gb_month.
    """
    began = None if since is None else _began(since)
    if name is not None:
        find_pipeline(name, pipelines_folder())
    prices = find_prices()
    connect(home_folder())
    spent = [gather_spending(place, began) for place in open_places(name)]
    document = {
        "since": began and began.isoformat(timespec="seconds"),
        "watts_a_core": WATTS_A_CORE,
        "prices": None if prices is None else prices.model_dump(),
        "pipelines": [_describe(spending, prices) for spending in spent],
    }
    if name is None:
        show(document, as_json, lambda: _tell_all(spent, prices))
    else:
        show(document, as_json, lambda: _tell(spent[0], prices))


def _began(since: str) -> datetime:
    try:
        return datetime.now(UTC) - parse_duration(since)
    except (ValueError, OverflowError) as error:
        raise ConfigurationError("--since", str(error), since, "Write 30d, or 12h.") from error


def _describe(spending: Spending, prices: PriceList | None) -> dict[str, Any]:
    stored = sum(spending.stored.values())
    return {
        "pipeline": spending.pipeline,
        "lines": [_line(line, prices) for line in spending.lines],
        "total": _line(spending.total, prices),
        "stored_bytes": dict(spending.stored),
        "storage_money_a_month": None if prices is None else prices.storage(stored),
        "retrainings": [plain(purchase) for purchase in spending.purchases],
    }


def _line(line: Line, prices: PriceList | None) -> dict[str, Any]:
    money = None if prices is None else prices.work(line.cost.cpu_seconds)
    told = {"month": line.month, "kind": line.kind, "runs": line.runs, "unknown": line.unknown}
    return {**told, **line.cost.to_dict(), "money": money}


def _tell_all(spent: list[Spending], prices: PriceList | None) -> str:
    if not spent:
        return "No pipeline yet. Make one: `perennial new NAME --data FILE`."
    head = ["pipeline", *_head(prices)[2:], "GB stored"]
    rows = [
        [spending.pipeline, *_cells(spending.total, prices)[2:], _gb(_stored(spending))]
        for spending in spent
    ]
    return f"{table(head, rows)}\n\n{ESTIMATE}"


def _tell(spending: Spending, prices: PriceList | None) -> str:
    if not spending.runs:
        return "Nothing was spent in this time."
    rows = [_cells(line, prices) for line in (*spending.lines, spending.total)]
    parts = [table(_head(prices), rows), _tell_stored(spending, prices)]
    if spending.purchases:
        head = ["version", "trained", "CPU s", "gained", "CPU s for +0.001", "then"]
        parts.append(table(head, map(_tell_purchase, spending.purchases)))
    if spending.total.unknown:
        runs = f"{spending.total.unknown} of {spending.total.runs} runs"
        parts.append(f"Of {runs} nobody measured what they cost: an earlier release made them.")
    return "\n\n".join([*parts, ESTIMATE])


def _head(prices: PriceList | None) -> list[str]:
    money = [] if prices is None else [prices.currency]
    return ["month", "kind", "runs", "CPU s", "peak MiB", "GB read", "GB written", "Wh", *money]


def _cells(line: Line, prices: PriceList | None) -> list[object]:
    spent = line.cost
    money = [] if prices is None else [f"{prices.work(spent.cpu_seconds):.4f}"]
    sizes = [_gb(spent.read_bytes), _gb(spent.written_bytes)]
    figures = [f"{spent.cpu_seconds:,.1f}", f"{spent.peak_mib:,.0f}", *sizes]
    return [line.month, line.kind, line.runs, *figures, f"{spent.watt_hours:.2f}", *money]


def _tell_stored(spending: Spending, prices: PriceList | None) -> str:
    largest = [f"{name} {_gb(size)}" for name, size in list(spending.stored.items())[:4] if size]
    told = f"Stored now: {_gb(_stored(spending))} GB ({', '.join(largest)})"
    if prices is None:
        return f"{told}."
    return f"{told}, {prices.storage(_stored(spending)):.4f} {prices.currency} a month."


def _tell_purchase(bought: Purchase) -> list[object]:
    gain, each = bought.gain, ""
    if gain is not None and gain > 0:
        each = f"{bought.cpu_seconds * 0.001 / gain:,.1f}"
    gained = "no champion before" if gain is None else f"{gain:+.4f} {bought.metric}"
    day = f"{bought.at:%Y-%m-%d}"
    return [bought.version, day, f"{bought.cpu_seconds:,.1f}", gained, each, bought.outcome]


def _stored(spending: Spending) -> int:
    return sum(spending.stored.values())


def _gb(size: int | None) -> str:
    return "?" if size is None else f"{size / GB:.4f}"
