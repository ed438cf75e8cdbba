"""Evaluating expectations on a frame: the only door of Great Expectations' engine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from tasks.errors import bounded
from tasks.validation.combine import Outcome

if TYPE_CHECKING:
    import pandas as pd

COMPLETE = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 0,
    "include_unexpected_rows": False,
}


def judge(frame: pd.DataFrame, expectations: Sequence[Any]) -> list[Outcome]:
    """Evaluate the expectations on a frame with a plain row index, in their order.

    Times in the frame are naive UTC, and times in the expectations become so. An expectation
    that raises is a failure with its message.
    """
    validator = _validator(frame)
    return [_outcome(_validated(validator, each)) for each in expectations]


def _validator(frame: pd.DataFrame) -> Any:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.validator.validator import Validator

    engine = PandasExecutionEngine()
    engine.load_batch_data("batch", frame)
    validator = Validator(execution_engine=engine)
    validator.metrics_calculator.show_progress_bars = False
    return validator


def _validated(validator: Any, expectation: Any) -> Any:
    """Return the library's result, or the exception it let through."""
    try:
        configuration = expectation.configuration
        configuration.kwargs = _naive(dict(configuration.kwargs))
        return validator.graph_validate(
            configurations=[configuration], runtime_configuration={"result_format": COMPLETE}
        )[0]
    except Exception as error:
        return error


def _naive(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _naive(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_naive(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else value


def _outcome(result: Any) -> Outcome:
    if isinstance(result, Exception):
        return Outcome(False, error=f"{type(result).__name__}: {bounded(result, 300)}")
    error = _raised(result.exception_info)
    if error is not None:
        return Outcome(False, error=bounded(error, 300))
    figures = result.result
    if "element_count" not in figures:
        observed = figures.get("observed_value")
        text = None if observed is None else bounded(observed, 200)
        return Outcome(bool(result.success), observed=text)
    evaluated = int(figures["element_count"]) - int(figures.get("missing_count") or 0)
    places = figures.get("unexpected_index_list") or ()
    unexpected = int(figures.get("unexpected_count") or 0)
    return Outcome(bool(result.success), evaluated, unexpected, tuple(places))


def _raised(info: Any) -> str | None:
    """Return the message of the exception that Great Expectations caught, if any."""
    if not info:
        return None
    entries = [info] if "raised_exception" in info else list(info.values())
    messages = [entry.get("exception_message") for entry in entries if entry["raised_exception"]]
    return (messages[0] or "it could not be evaluated") if messages else None
