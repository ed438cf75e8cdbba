"""A backtest as one page: advice first, two drawings, every figure. Pure; what came is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, Template

from tasks.backtest.drawing import front_svg, timeline_svg
from tasks.backtest.result import Backtest, Line
from tasks.policy.situation import finite

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Policy backtest: {{ pipeline }}</title>
<style>
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2937; --soft: #5b6675;
 --rule: #e3e8ee; --blue: #2f6f9f; --orange: #c0672b; --grey: #98a2b0; --card: #f4f7fa; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181e; --ink: #e5e9ef; --soft: #9aa5b4;
 --rule: #2b323c; --blue: #6fb1e0; --orange: #e8935a; --grey: #6d7888; --card: #1c222a; } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
 max-width: 64rem; margin: 2.5rem auto; padding: 0 1.25rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; margin-bottom: .3rem; } h2 { font-size: 1.15rem; margin-top: 2.4rem; }
.soft { color: var(--soft); } .advice { background: var(--card); border-radius: .6rem;
 padding: .9rem 1.2rem; border-left: 4px solid var(--orange); }
pre { background: var(--paper); border: 1px solid var(--rule); border-radius: .4rem;
 padding: .7rem 1rem; overflow-x: auto; font-size: .92rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .86rem; }
th, td { text-align: right; padding: .35rem .5rem; border-bottom: 1px solid var(--rule);
 font-variant-numeric: tabular-nums; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; } th:first-child, td:first-child { text-align: left;
 white-space: normal; min-width: 11rem; }
tr.best td { font-weight: 650; }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); paint-order: stroke; stroke: var(--paper);
 stroke-width: 3px; stroke-linejoin: round; } svg .tick { fill: var(--soft); font-size: 11px; }
.strong { font-weight: 700; } .grid { stroke: var(--rule); } .axis { stroke: var(--grey); }
.leader { stroke: var(--grey); stroke-width: .8; } .front { fill: var(--blue); }
.behind { fill: var(--paper); stroke: var(--grey); stroke-width: 1.8; }
.chosen { fill: var(--orange); stroke: var(--paper); stroke-width: 1.5; }
polyline { fill: none; } .bound { fill: var(--grey); }
.bound-line { stroke: var(--grey); stroke-dasharray: 4 4; stroke-width: 1.4; }
.static { stroke: var(--grey); stroke-width: 1.2; } .lived { stroke: var(--blue);
 stroke-width: 1.7; } .retrained { stroke: var(--orange); stroke-width: 1.6; }
.key { display: inline-block; width: .75em; height: .75em; border-radius: 50%;
 margin: 0 .25em 0 .9em; } .blue { background: var(--blue); } .orange { background: var(--orange); }
.hollow { border: 2px solid var(--grey); box-sizing: border-box; }
</style>
</head>
<body>
<h1>Policy backtest: {{ pipeline }}</h1>
<p class="soft">{{ history.replayed|length }} batches replayed,
{{ history.batches[history.replayed[0]].start.date() }} to
{{ history.batches[-1].end.date() }}, test then train. Every model: {{ history.recipe }}.
Metric: {{ history.metric }}, {{ "greater" if history.greater_is_better else "less" }} is better.
Labels: {{ delay }}. The schedule is not replayed, only the policy.</p>
<h2>Recommendation</h2>
<div class="advice">
<p>{{ advice.why }}</p>
{% for note in notes %}<p>{{ note }}</p>
{% endfor %}<pre>{{ advice.yaml }}</pre>
</div>
<h2>Quality against cost</h2>
<p class="soft"><span class="key orange"></span>recommended
<span class="key blue"></span>on the front: nothing is as good and as cheap
<span class="key hollow"></span>behind. Dashed: the bound, the best that any policy could
have reached with so many retrainings, known only afterwards.</p>
{{ front|safe }}
<h2>Timeline</h2>
<p class="soft">Blue: live quality on each batch. Grey: the first model, never retrained.
Orange: a new model took over. All rows have the same scale. Policies that did the same share a
row.</p>
{{ timeline|safe }}
<h2>Figures</h2>
<div class="wide"><table>
<thead><tr>{% for head in heads %}<th>{{ head }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}<tr{{ ' class="best"'|safe if row[0] == advice.policy }}>
{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
<p class="soft">CPU-seconds are those of the retrainings: fitting, judging on the holdout, fitting
again. “Against the bound” compares with the best that as many retrainings could have reached.
“Behind the best” is the mean over the batches, with its {{ "95 %" }} interval.</p>
</body>
</html>
"""
HEADS = (
    "policy", "retrainings", "CPU-seconds", "mean", "against static", "against the bound",
    "behind the best", "front",
)  # fmt: skip


def page(found: Backtest, pipeline: str, delay: str) -> bytes:
    """Return the page as HTML without any outside reference or script."""
    text = _page().render(
        pipeline=pipeline,
        history=found.history,
        advice=found.recommendation,
        notes=found.notes,
        delay=delay,
        front=front_svg(found),
        timeline=timeline_svg(found),
        heads=HEADS,
        rows=figure_rows(found),
    )
    return text.encode()


def figure_rows(found: Backtest) -> list[list[str]]:
    """Return a row of texts a policy, then the oracle and the naive predictions."""
    behind = {one.policy: one.behind for one in found.recommendation.compared}
    rows = []
    for one in found.lines:
        gap = behind.get(one.policy)
        told = "" if gap is None else f"{gap.value:.4f} [{gap.low:.4f}, {gap.high:.4f}]"
        rows.append([*line_cells(one), told, "on it" if one.on_front else ""])
    oracle, sign = found.oracle, found.history.sign
    static = found.bounds[0].mean
    rows.append(
        ["the oracle", str(len(oracle.retrainings)), f"{oracle.cpu_seconds:,.1f}",
         f"{oracle.mean:.4f}", f"{sign * (oracle.mean - static):+.4f}", "", "", ""]
    )  # fmt: skip
    for name, mean in found.history.naive_means().items():
        rows.append([f"naive: {name.replace('_', ' ')}", "", "", shown(mean), "", "", "", ""])
    return rows


def line_cells(one: Line) -> list[str]:
    """Return the figures of one policy as they are shown everywhere."""
    return [
        one.policy,
        str(one.retrainings),
        f"{one.cpu_seconds:,.1f}",
        shown(one.mean),
        shown(one.against_static, "+.4f"),
        shown(one.against_bound, "+.4f"),
    ]


def shown(value: Any, how: str = ".4f") -> str:
    """Return a number as text, or that there is none.

    >>> shown(0.5), shown(float("nan"))
    ('0.5000', 'none')
    """
    return "none" if finite(value) is None else format(value, how)


@cache
def _page() -> Template:
    return Environment(autoescape=True, trim_blocks=True).from_string(PAGE)
