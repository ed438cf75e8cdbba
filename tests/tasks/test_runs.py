"""A task speaks to the page of its run, or to whoever listens where its flow is run plainly."""

from __future__ import annotations

import logging

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, State

from tasks.retries import retried
from tasks.runs import run_logger, run_plainly, show_link, show_markdown, show_table
from tests.orchestration import Orchestrator

TRIES: list[str] = []


@task(name="stumble", **retried(TimeoutError, waits=(0, 0)))
def stumble(times: int, wrong: bool) -> State[int]:
    """Fail so many times."""
    TRIES.append("try")
    show_markdown("# Tried", key="tried")
    if len(TRIES) <= times:
        raise ValueError("not yet") if wrong else TimeoutError("not yet")
    run_logger().info("it stands")
    return Completed(data=len(TRIES))


@task(name="tell", **retried(TimeoutError))
def tell() -> None:
    """Show everything that a page shows."""
    show_markdown("# Told", key="told-text")
    show_table([{"rows": 1}], key="told-table", description="Rows")
    show_link("http://127.0.0.1/page", key="told-link", link_text="the page")


@flow(name="plain and simple")
def simple(times: int, *, wrong: bool = False) -> tuple[int, str]:
    """Stumble, and tell."""
    tell()
    return stumble(times, wrong), "end"


@pytest.fixture(autouse=True)
def forget() -> None:
    TRIES.clear()


def test_a_plain_flow_is_tried_again_as_its_tasks_say(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "perennial.run")
    assert run_plainly(simple, (), times=2) == (3, "end")
    lines = [record.getMessage() for record in caplog.records if record.name == "perennial.run"]
    assert lines == [*["stumble: not yet; trying again in 0 s"] * 2, "it stands"]


def test_what_stays_broken_or_is_wrong_is_raised() -> None:
    with pytest.raises(TimeoutError, match="not yet"):
        run_plainly(simple, (), times=3)
    assert len(TRIES) == 3
    TRIES.clear()
    with pytest.raises(ValueError, match="not yet"):
        run_plainly(simple, (), times=1, wrong=True)
    assert len(TRIES) == 1


def test_a_task_that_is_skipped_does_nothing() -> None:
    assert run_plainly(simple, (stumble,), times=9) == (None, "end")
    assert TRIES == []


def test_in_a_run_the_page_shows_what_is_told(orchestrator: Orchestrator) -> None:
    with temporary_settings({PREFECT_API_URL: orchestrator.settings.prefect_url}):
        tell_page()
        with get_client(sync_client=True) as client:
            found = client.request(
                "POST", "/artifacts/filter", json={"artifacts": {"key": {"like_": "told-%"}}}
            ).json()
    kinds = {one["key"]: one["type"] for one in found}
    assert kinds["told-text"] == "markdown"
    assert (kinds["told-table"], kinds["told-link"]) == ("table", "markdown")


@flow(name="tell a page")
def tell_page() -> None:
    """Tell."""
    tell()
