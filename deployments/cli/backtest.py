"""The command that replays a history under several policies."""

from __future__ import annotations

import json
from typing import Any

import click

from deployments.cli.output import about_pipeline, read_share, say, show, table
from deployments.patience import over_a_restart
from deployments.session import follow, open_session
from tasks.policy.policy import parse_policy

SIGNED = "+.4f"


@about_pipeline
@click.option("--policy", "policies", multiple=True, metavar="TEXT", help="Replay this policy.")
@click.option("--rows", type=click.IntRange(min=1), help="Cut into pieces of so many rows.")
@click.option(
    "--start", metavar="SHARE", callback=read_share, help="Fit the first model on this share (25%)."
)
def backtest(
    name: str, policies: tuple[str, ...], rows: int | None, start: float | None, as_json: bool
) -> None:
    """Replay the curated history under several policies: what each costs, and what it buys.

    Without --policy, fixed ones, one for each signal, and the pipeline's own.
    """
    texts = [str(parse_policy(text, "--policy")) for text in policies]
    parameters = {"policies": texts or None, "rows": rows, "start": start}
    workspace = open_session(name)
    outcome = follow(workspace, "backtest", parameters, say)
    # The run's outcome is the summary; the whole table lies in its report.
    if as_json:
        report, bucket = outcome["report"]["json"], workspace.bucket
        document = json.loads(over_a_restart(lambda: bucket.get(report), say))
        outcome = {**document, **outcome}
    show(outcome, as_json, lambda: summary(outcome))


def summary(outcome: dict[str, Any]) -> str:
    """The policies in figures, the bound, the naive predictions, and which policy to take."""
    advice = outcome["recommendation"]
    better = "greater" if outcome["greater_is_better"] else "less"
    head = ["policy", "retrainings", "CPU-seconds", f"mean {outcome['metric']}",
            "against static", "against the bound", "front"]  # fmt: skip
    rows = [_policy(line, advice["policy"]) for line in outcome["policies"]]
    oracle = outcome["oracle"]
    gained = _difference(outcome, oracle["mean"])
    rows.append(["the oracle", len(oracle["retrainings"]), f"{oracle['cpu_seconds']:,.1f}",
                 _number(oracle["mean"]), gained, "", ""])  # fmt: skip
    for name, mean in outcome["naive"].items():
        rows.append([f"naive: {name.replace('_', ' ')}", "", "", _number(mean), "", "", ""])
    fits = outcome["fits"]
    lines = [
        f"{outcome['judged']} of {outcome['batches']} batches judged; {better} is better; "
        f"{fits['fitted']} models fitted, {fits['kept']} kept from before",
        "",
        table(head, rows),
        "",
        advice["why"],
        *outcome["notes"],
        "",
        advice["yaml"],
        "",
        f"Page   {outcome['page']}",
    ]
    return "\n".join([*lines, f"MLflow {outcome['url']}"] if outcome.get("url") else lines)


def _policy(line: dict[str, Any], chosen: str) -> list[object]:
    mark = "recommended" if line["policy"] == chosen else "on it" if line["on_front"] else ""
    return [
        line["policy"],
        line["retrainings"],
        f"{line['cpu_seconds']:,.1f}",
        _number(line["mean"]),
        _number(line["against_static"], SIGNED),
        _number(line["against_bound"], SIGNED),
        mark,
    ]


def _difference(outcome: dict[str, Any], mean: float | None) -> str:
    """What the oracle adds to static, which is any policy's mean less its own addition."""
    first = outcome["policies"][0]
    if mean is None or first["mean"] is None:
        return ""
    sign = 1 if outcome["greater_is_better"] else -1
    return _number(sign * (mean - first["mean"]) + first["against_static"], SIGNED)


def _number(value: float | None, form: str = ".4f") -> str:
    """Write a number; what rounds to nothing has no minus.

    >>> _number(-0.00001), _number(-0.00001, SIGNED), _number(-0.0001)
    ('0.0000', '+0.0000', '-0.0001')
    """
    if value is None:
        return ""
    text = format(value, form)
    return text if float(text) else format(0.0, form)
