"""The Data Docs page of one validation, and the index of all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from importlib.metadata import version
from typing import Any

from expectations.suite import Suite
from tasks.store.bucket import ObjectInfo
from tasks.validation.page import STYLE, render_report
from tasks.validation.report import Check, Report

# The pages of Great Expectations load styles, scripts and a logo from the network.
FOREIGN = re.compile(
    r"<script\b.*?</script>|<footer>.*?</footer>|<(?:link|img)[^>]*[\"']https?:[^>]*>"
    r"|url\([\"']?https?:[^)]*\)",
    re.DOTALL | re.IGNORECASE,
)
LAYOUT = """
<style>
body{font:15px/1.5 system-ui,sans-serif;margin:1.5rem auto;max-width:70rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #8883;padding:.35rem .5rem;
text-align:left;vertical-align:top;overflow-wrap:break-word}h5,h6{font-size:1.05rem;margin:1rem 0}
.navbar,.modal,.sticky,.cooltip,button,.breadcrumb,.dropdown-menu{display:none}
.badge{border:1px solid #8885;border-radius:.6rem;padding:0 .4rem}
.fa-check-circle::before{content:"\\2714";color:#1a7f4b;font-style:normal}
.fa-times::before{content:"\\2718";color:#b3261e;font-style:normal}
.fa-exclamation-triangle::before{content:"\\26a0";font-style:normal}
</style></head>"""


def page_name(batch: str, *, accepted: bool) -> str:
    """Return where a validation's page lies under the Data Docs.

    >>> page_name("ab12", accepted=True)
    'validations/ab12.accepted.html'
    """
    return f"validations/{batch}.{'accepted' if accepted else 'quarantined'}.html"


def validation_page(report: Report, suite: Suite) -> str:
    """Return the page that Great Expectations renders of the checks, without network resources.

    A batch that was refused while it was read has no checks; its page is the report's own, as it
    is where the library cannot render a result.
    """
    if not report.checks:
        return render_report(report)
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
    )
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    pairs = zip(suite.expectations, report.checks, strict=True)
    results = [_result(expectation, check) for expectation, check in pairs]
    met = sum(check.passed for check in report.checks)
    validation = ExpectationSuiteValidationResult(
        success=report.accepted,
        results=results,
        suite_name=report.pipeline,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": met,
            "unsuccessful_expectations": len(results) - met,
            "success_percent": 100.0 * met / len(results),
        },
        meta={
            "great_expectations_version": version("great-expectations"),
            "run_id": report.batch[:12],
        },
    )
    try:
        html = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(validation))
    except Exception:
        return render_report(report)  # a page that cannot be drawn must not hold up the rows
    return FOREIGN.sub("", str(html)).replace("</head>", LAYOUT, 1)


def index_page(pipeline: str, pages: Iterable[ObjectInfo]) -> str:
    """Return the page that links every validation, the newest first.

    `pages` are the stored objects under the Data Docs' `validations/`.
    """
    rows = [_row(info) for info in sorted(pages, key=lambda info: info.modified, reverse=True)]
    title = f"{escape(pipeline)}: validations"
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    table = "<table><tr><th>batch</th><th>outcome</th><th>judged at (UTC)</th></tr>"
    return (
        f"{head}<style>{STYLE}</style></head><body><h1>{title}</h1>{table}{''.join(rows)}</table>"
    )


def _row(info: ObjectInfo) -> str:
    name = info.key.rpartition("/")[2]
    batch, _, rest = name.partition(".")
    outcome = rest.removesuffix(".html")
    tone = "good" if outcome == "accepted" else "bad"
    link = f'<a href="validations/{escape(name)}"><code>{escape(batch[:12])}</code></a>'
    badge = f'<span class="badge {tone}">{escape(outcome)}</span>'
    return f"<tr><td>{link}</td><td>{badge}</td><td>{info.modified:%Y-%m-%d %H:%M:%S}</td></tr>"


def _result(expectation: Any, check: Check) -> Any:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

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
        expectation_config=expectation.configuration,
        result=figures,
        exception_info={
            "raised_exception": raised,
            "exception_message": check.message or None,
            "exception_traceback": "",
        },
        meta={},
    )
