"""Evaluating expectations on a frame: the only door of Great Expectations' engine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tasks.errors import bounded
from tasks.readers.coerce import MOST_EXACT
from tasks.validation.combine import Finding
from tasks.validation.plan import BETWEEN

if TYPE_CHECKING:
    import pandas as pd

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
# Where offending values stand, and never the values: a personal one must not reach a message.
COMPLETE = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 0,
    "include_unexpected_rows": False,
}


def judge(frame: pd.DataFrame, expectations: Sequence[Any]) -> list[Finding]:
    """Evaluate the expectations on a frame with a plain row index, in their order.

    Times in the frame are naive UTC. An expectation that raises is a failure with its message.
    """
    validator = _validator(frame)
    outcomes = []
    for expectation in expectations:
        configuration = expectation.configuration
        # pandas compares no naive time with one that has a zone: those of the suite become naive.
        configuration.kwargs = _naive(dict(configuration.kwargs))
        own = _instants(frame, configuration)
        judging = validator if own is None else _validator(own)
        try:
            (result,) = judging.graph_validate(
                configurations=[configuration], runtime_configuration={"result_format": COMPLETE}
            )
        # The library catches most errors and tells them in the result; some it lets through.
        except Exception as error:
            outcomes.append(Finding(False, error=f"{type(error).__name__}: {bounded(error, 300)}"))
        else:
            outcomes.append(_outcome(result))
    return outcomes


def _validator(frame: pd.DataFrame) -> Any:
    # Before the import, which is when the library reads it.
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.validator.validator import Validator

    engine = PandasExecutionEngine()
    engine.load_batch_data("batch", frame)
    validator = Validator(execution_engine=engine)
    validator.metrics_calculator.show_progress_bars = False
    return validator


def _instants(frame: pd.DataFrame, configuration: Any) -> pd.DataFrame | None:
    """Make a range of times one of whole microseconds, in the frame it returns and the bounds.

    None where this does not apply, or a float would not hold a bound.
    """
    # Great Expectations 1.24 compares times one by one in Python, a hundred times slower than
    # numbers, which order the same.
    kwargs = configuration.kwargs
    column = kwargs.get("column")
    bounds = {name: kwargs[name] for name in ("min_value", "max_value") if kwargs.get(name)}
    if configuration.type != BETWEEN or column not in frame or "row_condition" in kwargs:
        return None
    times = frame[column]
    if times.dtype.kind != "M" or not all(isinstance(bound, datetime) for bound in bounds.values()):
        return None
    numbers = times.astype("datetime64[us]").astype("int64").where(times.notna())
    instants = {name: (bound - EPOCH) // MICROSECOND for name, bound in bounds.items()}
    if numbers.abs().max() >= MOST_EXACT or any(
        abs(bound) >= MOST_EXACT for bound in instants.values()
    ):
        return None
    kwargs.update(instants)
    found: pd.DataFrame = numbers.to_frame(column)
    return found


def _naive(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _naive(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [_naive(inner) for inner in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else value


def _outcome(result: Any) -> Finding:
    # One exception, or one for each metric that the expectation needs, by the metric's name.
    caught = result.exception_info or {}
    entries = [caught] if "raised_exception" in caught else caught.values()
    for entry in entries:
        if entry["raised_exception"]:
            said = entry.get("exception_message") or "it could not be evaluated"
            return Finding(False, error=bounded(said, 300))
    figures = result.result
    if "element_count" not in figures:
        observed = figures.get("observed_value")
        text = None if observed is None else bounded(observed, 200)
        return Finding(bool(result.success), observed=text)
    evaluated = int(figures["element_count"]) - int(figures.get("missing_count") or 0)
    places = figures.get("unexpected_index_list") or ()
    unexpected = int(figures.get("unexpected_count") or 0)
    return Finding(bool(result.success), evaluated, unexpected, tuple(places))
