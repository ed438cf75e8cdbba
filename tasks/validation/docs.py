"""The Data Docs page of one validation, and the index of all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.metadata import version
from typing import Any

from expectations.suite import Suite
from tasks.pages.draw import draw
from tasks.pages.page import Badge, Cell, Grid, Link, Page, Section
from tasks.store.bucket import ObjectInfo
from tasks.validation.report import Check, Report

# The pages of Great Expectations load styles, scripts and a logo, and link pages it did not write.
FOREIGN = re.compile(
    r"<(script|style|footer)\b.*?</\1>|<(?:link|img)\b[^>]*>"
    r"|\s(?:on\w+|href)=\"(?!#)[^\"]*\"",
    re.DOTALL | re.IGNORECASE,
)
BODY = re.compile(r"<body\b[^>]*>(.*)</body>", re.DOTALL)
# Great Expectations 1.24 escapes what stands inside a sentence, but neither the names of columns
# above the tables nor the sampled values: a value such as <img onerror=…> would run. So it is
# given letters of a private area of Unicode, which become entities once it has rendered; for a
# dollar sign too, which it would double.
MARKS = "<>&\"'$"
PRIVATE = "".join(chr(0xE000 + ord(mark)) for mark in MARKS)
HIDDEN = str.maketrans(MARKS, PRIVATE)
ENTITIES = str.maketrans(dict(zip(PRIVATE, map(escape, MARKS), strict=True)))


def page_name(batch: str, *, accepted: bool) -> str:
    """Return where a validation's page lies under the Data Docs.

    >>> page_name("ab12", accepted=True)
    'validations/ab12.accepted.html'
    """
    return f"validations/{batch}.{'accepted' if accepted else 'quarantined'}.html"


def validation_page(report: Report, suite: Suite) -> str:
    """Return the page that Great Expectations renders of the checks, without network resources."""
    # A batch that was refused while it was read has no checks: its page is the report's own.
    if not report.checks:
        return report.to_html()
    try:
        body = _render(report, suite)
    except Exception:
        return report.to_html()  # a page that cannot be drawn must not hold up the rows
    appendix = f'<div class="page">{body.translate(ENTITIES)}</div>'
    return draw(Page(report.title, (), report.badge, appendix=appendix))


def index_page(pipeline: str, pages: Iterable[ObjectInfo]) -> str:
    """Return the page that links every validation, the newest first.

    `pages` are the stored objects under the Data Docs' `validations/`.
    """
    newest = sorted(pages, key=lambda info: info.modified, reverse=True)
    table = Grid(("batch", "outcome", "judged at (UTC)"), tuple(map(_row, newest)))
    return draw(Page(f"{pipeline}: validations", (Section("Batches", (table,)),)))


def _row(info: ObjectInfo) -> tuple[Cell, ...]:
    name = info.key.rpartition("/")[2]
    batch, _, rest = name.partition(".")
    outcome = rest.removesuffix(".html")
    badge = Badge(outcome, "good" if outcome == "accepted" else "bad")
    return Link(batch[:12], f"validations/{name}"), badge, f"{info.modified:%Y-%m-%d %H:%M:%S}"


@cache
def _page_view() -> Any:
    # A new one compiles its templates anew, 0.3 s a page.
    from great_expectations.render.view import DefaultJinjaPageView

    return DefaultJinjaPageView()


def _render(report: Report, suite: Suite) -> str:
    """Return the body that the library makes of the checks, its marks still `HIDDEN`."""
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
    )
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    pairs = zip(suite.expectations, report.checks, strict=True)
    results = [_result(expectation, check) for expectation, check in pairs]
    met = sum(check.passed for check in report.checks)
    validation = ExpectationSuiteValidationResult(
        success=report.accepted,
        results=results,
        suite_name=_hide(report.pipeline),
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": met,
            "unsuccessful_expectations": len(results) - met,
            "success_percent": 100.0 * met / len(results),
        },
        meta={
            "great_expectations_version": version("great-expectations"),
            "run_id": _hide(report.batch[:12]),
        },
    )
    html = str(_page_view().render(ValidationResultsPageRenderer().render(validation)))
    found = BODY.search(html)
    assert found is not None
    return FOREIGN.sub("", found[1])


def _hide(value: Any) -> Any:
    if isinstance(value, str):
        return value.translate(HIDDEN)
    if isinstance(value, dict):
        return {_hide(key): _hide(inner) for key, inner in value.items()}
    return [_hide(inner) for inner in value] if isinstance(value, (list, tuple, set)) else value


def _result(expectation: Any, check: Check) -> Any:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

    configuration = expectation.configuration
    configuration.kwargs = _hide(configuration.kwargs)
    figures: dict[str, Any] = {"observed_value": check.observed}
    if check.evaluated is not None and check.unexpected is not None:
        percent = 100.0 * check.unexpected / check.evaluated if check.evaluated else 0.0
        figures = {
            "element_count": check.evaluated,
            "unexpected_count": check.unexpected,
            "unexpected_percent": percent,
            "unexpected_percent_total": percent,
            "unexpected_percent_nonmissing": percent,
            "partial_unexpected_list": list(check.sample_values),
        }
    raised = bool(check.message)
    return ExpectationValidationResult(
        success=check.passed,
        expectation_config=configuration,
        result=_hide(figures),
        exception_info={
            "raised_exception": raised,
            "exception_message": _hide(check.message) or None,
            "exception_traceback": "",
        },
        meta={},
    )
