"""The validation report as one HTML page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.validation.report import Check, Report

STYLE = """
:root{color-scheme:light dark;--good:#1a7f4b;--bad:#b3261e;--warn:#8a6100;--line:#8883;--soft:#8881}
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
.badge{display:inline-block;border-radius:1rem;padding:.05rem .7rem;color:#fff;font-weight:600;
white-space:nowrap}
.good{background:var(--good)}.bad{background:var(--bad)}.warn{background:var(--warn)}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;
padding:.4rem .6rem;border-bottom:1px solid var(--line)}th{font-weight:600}
.facts td{overflow-wrap:anywhere}.facts td:first-child{white-space:nowrap;opacity:.75;width:1%}
td{overflow-wrap:break-word}
ul.why{border-left:4px solid var(--bad);background:var(--soft);margin:0;padding:.8rem 2rem}
code{font-family:ui-monospace,monospace;font-size:.92em}
"""


def render_report(report: Report) -> str:
    """Return the page. Every text of the batch is escaped."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    title = f"{report.pipeline}: batch {report.batch[:12]}"
    tone = "good" if report.accepted else "bad"
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)} {report.outcome}</title><style>{STYLE}</style></head><body>"
    yield f'<h1>{escape(title)} <span class="badge {tone}">{report.outcome}</span></h1>'
    if report.reasons():
        yield '<h2>Why it was refused</h2><ul class="why">'
        yield from (f"<li>{escape(reason)}</li>" for reason in report.reasons())
        yield "</ul>"
    yield '<h2>The batch</h2><table class="facts">'
    for name, text in report.facts():
        yield f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>"
    yield "</table>"
    if report.checks:
        yield "<h2>Expectations</h2><table>"
        yield "<tr><th></th><th>expectation</th><th>column</th><th>figures</th><th>rows</th></tr>"
        yield from (_check(check) for check in report.checks)
        yield "</table>"
    yield "</body></html>"


def _check(check: Check) -> str:
    tone, word = ("good", "met") if check.passed else ("bad", "not met")
    if not check.passed and not check.refuses:
        tone, word = "warn", "warning"
    rows = ", ".join(f"{row:,}" for row in check.sample_rows)
    values = f" Such as {', '.join(check.sample_values)}." if check.sample_values else ""
    cells = (
        f'<span class="badge {tone}">{word}</span>',
        escape(check.words),
        f"<code>{escape(check.column or '')}</code>",
        escape(check.figures + values),
        rows,
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
