"""The validation report as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.pages.draw import draw
from tasks.pages.page import Badge, Bullets, Cell, Code, Page, Section, Table, drop_empty

if TYPE_CHECKING:
    from tasks.validation.report import Check, Report

HEADS = ("", "expectation", "column", "figures", "rows")


def render_report(report: Report) -> str:
    """Return the page as HTML."""
    return draw(report_page(report))


def report_page(report: Report) -> Page:
    """Return what the page of one batch shows."""
    return Page(
        title=f"{report.pipeline}: batch {report.batch[:12]}",
        badge=Badge(report.outcome, "good" if report.accepted else "bad"),
        sections=drop_empty(
            Section("Why it was refused", (Bullets(report.reasons()),), "bad"),
            Section("The batch", (Table((), report.facts()),)),
            Section("Expectations", (Table(HEADS, tuple(map(_row, report.checks))),)),
        ),
    )


def _row(check: Check) -> tuple[Cell, ...]:
    badge = Badge("met", "good") if check.passed else Badge("not met", "bad")
    if not check.passed and not check.refuses:
        badge = Badge("warning", "warn")
    values = f" Such as {', '.join(check.sample_values)}." if check.sample_values else ""
    rows = ", ".join(f"{row:,}" for row in check.sample_rows)
    return badge, check.words, Code(check.column or ""), check.figures + values, rows
