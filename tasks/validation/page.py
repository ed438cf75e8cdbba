"""The validation report as a page."""

from __future__ import annotations

from tasks.pages.draw import draw
from tasks.pages.page import Badge, Bullets, Grid, Page, Section, drop_empty
from tasks.validation.report import HEADS, Report, check_cells


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
            Section("The batch", (Grid((), report.facts()),)),
            Section("Expectations", (Grid(HEADS, tuple(map(check_cells, report.checks))),)),
        ),
    )
