"""The exact figures of a comparison as a part of a page. Pure; whatever came in is escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tasks.drift.drift import ColumnDrift, Drift

if TYPE_CHECKING:
    from jinja2 import Template

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
HEADS = ("column", "kind", "score", "limit", "PSI", "missing", "unseen", "weight", "")
PART = """
<style>
.exact { font: 16px/1.5 system-ui, sans-serif; color: #1f2937; background: #fff;
 max-width: 76rem; margin: 2rem auto; padding: 0 1.25rem; overflow-wrap: anywhere; }
.exact h1 { font-size: 1.6rem; margin: 0 0 .3rem; } .exact h2 { font-size: 1.1rem; }
.exact .wide { overflow-x: auto; }
.exact table { border-collapse: collapse; width: 100%; font-size: .9rem; }
.exact th, .exact td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #e3e8ee;
 vertical-align: top; font-variant-numeric: tabular-nums; white-space: nowrap; }
.exact td:first-child, .exact td:last-child { white-space: normal; min-width: 8rem; }
.exact th { color: #5b6675; font-weight: 600; } .exact .drifted { background: #f8e6dc; }
.exact .note { color: #5b6675; }
</style>
<section class="exact">
<h1>Drift</h1>
<p>{{ drift.summary }}</p>
<p>{{ "{:,}".format(drift.rows[1]) }} rows now, against {{ "{:,}".format(drift.rows[0]) }} in the
 model's profile. The figures of this table are of all rows.</p>
{% for title, rows in tables %}
<h2>{{ title }}</h2>
<div class="wide"><table>
<thead><tr>{% for head in heads %}<th>{{ head }}</th>{% endfor %}</tr></thead>
<tbody>
{% for drifted, cells in rows %}<tr{{ ' class="drifted"'|safe if drifted }}>
{%- for cell in cells %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
{% endfor %}
<p class="note">The score is the normed Wasserstein distance of numbers, or the Jensen-Shannon
 distance of categories and of numbers with at most five values.</p>
<p class="note">{{ note }}</p>
</section>
"""


def part(drift: Drift, note: str) -> str:
    """Return the tables of every column's figures as HTML without a script or an address."""
    target = (drift.target,) if drift.target else ()
    titled = (("Columns", drift.columns), ("Predictions", drift.predictions), ("Target", target))
    tables = [(title, [(one.drifted, _cells(one)) for one in all_]) for title, all_ in titled]
    shown = [(title, rows) for title, rows in tables if rows]
    return _template().render(drift=drift, tables=shown, heads=HEADS, note=note)


def whole(body: str) -> str:
    """Return a page of a part alone."""
    head = f'<meta charset="utf-8">\n{policy()}\n<title>Drift</title>'
    return f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>{body}</body></html>'


def policy() -> str:
    """Return the tag by which a browser refuses every request of the page."""
    return f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'


def _cells(one: ColumnDrift) -> tuple[str, ...]:
    before, now = one.missing
    return (
        one.name,
        one.kind,
        _number(one.score),
        _number(one.limit),
        _number(one.psi),
        f"{before:.1%} → {now:.1%}",
        f"{one.unseen:.1%}" if one.kind == "category" else "",
        f"{one.weight:.1%}",
        f"{'drifted: ' if one.drifted else ''}{one.why}",
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


@cache
def _template() -> Template:
    from jinja2 import Environment

    return Environment(autoescape=True, trim_blocks=True).from_string(PART)
