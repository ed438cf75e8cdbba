"""What a task says of its run to Prefect, and, where its flow is run plainly, to whoever listens.

Without a server there is no page for an artifact, and asking Prefect (3.8) for one, or for its own
logger, starts a server of its own: some fifteen seconds, and its own lines on the terminal.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from prefect import artifacts, get_run_logger
from prefect.context import FlowRunContext, TaskRunContext
from prefect.states import Failed, State
from prefect.tasks import Task

if TYPE_CHECKING:
    from prefect.flows import Flow

PLAIN = logging.getLogger("perennial.run")


def run_logger() -> Any:
    """Return the logger of the run that this is part of; of a plain one it is `PLAIN`."""
    return get_run_logger() if _in_run() else PLAIN


def show_markdown(text: str, **named: Any) -> None:
    """Put a text on the page of the run."""
    if _in_run():
        artifacts.create_markdown_artifact(text, **named)


def show_table(rows: Any, **named: Any) -> None:
    """Put a table on the page of the run."""
    if _in_run():
        artifacts.create_table_artifact(rows, **named)


def show_link(url: str, **named: Any) -> None:
    """Put a link on the page of the run."""
    if _in_run():
        artifacts.create_link_artifact(url, **named)


def run_plainly(flow: Flow[..., Any], skip: tuple[Task[..., Any], ...], **parameters: Any) -> Any:
    """Return what a flow does without Prefect: its tasks are called, and tried again, as functions.

    Those of `skip` do nothing.
    """
    function = flow.fn
    assert isinstance(function, FunctionType)
    # the flow's own names stand for functions while it runs
    known = function.__globals__
    tasks = {name: value for name, value in known.items() if isinstance(value, Task)}
    plain = {name: _do_nothing if task in skip else _plain(task) for name, task in tasks.items()}
    code, defaults = function.__code__, function.__defaults__
    copy = FunctionType(code, {**known, **plain}, function.__name__, defaults)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy(**parameters)


def _plain(task: Task[..., Any]) -> Callable[..., Any]:
    waits = task.retry_delay_seconds if isinstance(task.retry_delay_seconds, list) else []

    def call(*args: Any, **named: Any) -> Any:
        for wait in waits:
            try:
                return _value(task.fn(*args, **named))
            except Exception as error:
                assert task.retry_condition_fn is not None
                if not task.retry_condition_fn(task, None, Failed(data=error)):
                    raise
                PLAIN.warning("%s: %s; trying again in %g s", task.name, error, wait)
            time.sleep(wait)
        return _value(task.fn(*args, **named))

    return call


def _value(answer: Any) -> Any:
    return answer.data if isinstance(answer, State) else answer


def _do_nothing(*_: Any, **__: Any) -> None:
    pass


def _in_run() -> bool:
    return FlowRunContext.get() is not None or TaskRunContext.get() is not None
