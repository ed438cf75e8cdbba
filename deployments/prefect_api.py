"""The door to Prefect's API: one client, bounded waits, our errors, and the pages' addresses."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from tasks.errors import OrchestrationError, bounded
from tasks.settings import Settings
from tasks.waits import drawn

if TYPE_CHECKING:
    import httpx
    from prefect.client.orchestration import SyncPrefectClient

S = TypeVar("S")
T = TypeVar("T")
PAGE = 200  # the most that the API gives at once
SOON = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # seconds until a change is sent again
CONNECT_SECONDS = 3.0  # a server that is there takes a connection at once
READ_SECONDS = 30.0
PROBE_SECONDS = 15.0  # a loaded server answers late; without an answer the command ends
PATIENCE = 90.0  # seconds that a server which is there, and busy, is waited for
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds between two looks at it; the last one again and again
# What a server says that cannot answer now and may in a moment; 500: SQLite's lock under load.
SERVICE_UNAVAILABLE = 503
LATER = (429, 500, 502, SERVICE_UNAVAILABLE, 504)
TOLD_AT_ONCE = ContextVar("TOLD_AT_ONCE", default=False)  # whether a 503 is raised, not waited out


class Unreachable(OrchestrationError):
    """The Prefect server gives no answer, or none that it can give now."""


class Busy(Unreachable):
    """The server is there and cannot answer now: the same request may do in a moment."""


def patiently(act: Callable[[], T], patience: float = PATIENCE) -> T:
    """Do what may be done twice; while the server is busy, again, for at most `patience` seconds.

    Raises:
        Busy: it was busy all the time.
    """
    until = time.monotonic() + patience
    for pause in itertools.chain(PAUSES, itertools.repeat(PAUSES[-1])):
        try:
            return act()
        except Busy:
            if time.monotonic() + pause > until:
                raise
        time.sleep(drawn(pause))
    raise AssertionError


@contextmanager
def open_client(settings: Settings) -> Iterator[SyncPrefectClient]:
    """Yield a client of the Prefect server.

    Raises:
        Unreachable: the server gives no answer.
        OrchestrationError: it refuses what was asked.
    """
    import httpx
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.exceptions import PrefectException
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_CLIENT_MAX_RETRIES,
        temporary_settings,
    )

    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    password = os.environ.get("PREFECT_API_AUTH_STRING") or PREFECT_API_AUTH_STRING.value()
    try:
        # Asked first and without retries: the client's own back-off would take a minute.
        health = httpx.get(f"{settings.prefect_url}/health", timeout=PROBE_SECONDS)
        refuse_foreign(health.raise_for_status(), settings.prefect_url)
        with (
            # A busy SQLite says 503 at once, and takes the same request a moment later.
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 4}),
            SyncPrefectClient(
                settings.prefect_url,
                auth_string=password,
                httpx_settings={"timeout": timeout, "event_hooks": {"response": [_tell_at_once]}},
            ) as client,
        ):
            yield client
    except httpx.HTTPStatusError as error:
        raise _refused(error) from error
    # It took the connection: a server that is gone refuses it at once.
    except (httpx.ReadTimeout, httpx.PoolTimeout, httpx.RemoteProtocolError) as error:
        raise _busy(type(error).__name__) from error
    except (httpx.TransportError, httpx.InvalidURL) as error:
        came = str(error) or type(error).__name__
        remedy = "Run `perennial up`, or set PREFECT_API_URL."
        rule = f"the server answers at {settings.prefect_url}"
        raise Unreachable("Prefect", rule, came, remedy) from error
    except PrefectException as error:
        rule = "the server does what is asked"
        raise OrchestrationError("Prefect", rule, bounded(error, 500)) from error


def refuse_foreign(health: httpx.Response, address: str) -> None:
    """Raise where what calls itself well does not say so in Prefect's word.

    Raises:
        OrchestrationError: another server answers there; nothing of ours was told to it.
    """
    if health.text.strip() != "true":
        rule = f"what answers at {address} is Prefect"
        remedy = "See who listens at that address, and check PREFECT_API_URL."
        raise OrchestrationError("Prefect", rule, bounded(health.text, 100), remedy)


def do_each(act: Callable[[S], T], things: Iterable[S], step: Callable[[int], None]) -> list[T]:
    """Change one thing after the other, and return what came, in their order.

    `step` is called after each, with 1. SQLite has one writer: of four requests at once some were
    told 503 until they gave up. One that is told it here, beside the server's own services, is sent
    again at once: the client itself waits two seconds, also where it does not try again.
    """
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    came, token = [], TOLD_AT_ONCE.set(True)
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            for thing in things:
                came.append(_soon_again(act, thing))
                step(1)
    finally:
        TOLD_AT_ONCE.reset(token)
    return came


def _tell_at_once(response: httpx.Response) -> None:
    # Called before the client (3.8) looks at the status, and waits.
    if TOLD_AT_ONCE.get() and response.status_code == SERVICE_UNAVAILABLE:
        response.read()
        response.raise_for_status()


def _soon_again(act: Callable[[S], T], thing: S) -> T:
    import httpx

    for pause in SOON:
        try:
            return act(thing)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != SERVICE_UNAVAILABLE:
                raise
        time.sleep(drawn(pause))
    return act(thing)


def read_pages(read: Callable[[int], Sequence[T]]) -> list[T]:
    """Return all that `read` gives, asked with the number of those that it gave so far."""
    found: list[T] = []
    while page := read(len(found)):
        found += page
        if len(page) < PAGE:
            break
    return found


def find_under_way(settings: Settings) -> tuple[str, ...]:
    """Return the names of up to 200 flow runs that were begun and have not ended.

    Raises:
        OrchestrationError: the server gives no answer, or refuses.
    """
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    begun = FlowRunFilter.model_validate({"state": {"type": {"any_": ["RUNNING"]}}})
    with open_client(settings) as client:
        # 3.8's server refuses the null that its client sends without an order
        runs = client.read_flow_runs(flow_run_filter=begun, sort=FlowRunSort.ID_DESC)
    return tuple(sorted(run.name for run in runs))


def run_page(settings: Settings, run: str) -> str:
    """Return the address of a flow run's page."""
    return f"{ui_address(settings)}/runs/flow-run/{run}"


def deployments_page(settings: Settings) -> str:
    """Return the address of the page that lists the deployments."""
    return f"{ui_address(settings)}/deployments"


def ui_address(settings: Settings) -> str:
    """Return where a person finds Prefect's pages."""
    # Set where a server is reached from outside by another address than its API.
    named = os.environ.get("PREFECT_UI_URL", "")
    return (named or settings.prefect_url.removesuffix("/").removesuffix("/api")).removesuffix("/")


def _refused(error: httpx.HTTPStatusError) -> OrchestrationError:
    status, text = error.response.status_code, error.response.text
    if status in (401, 403):
        remedy = "Set PREFECT_API_AUTH_STRING to the server's own."
        return OrchestrationError("Prefect", "the credentials are right", status, remedy)
    if status in LATER:
        return _busy(f"{status} {text}".strip())
    came = bounded(f"{status} {text or error}", 500)
    return OrchestrationError("Prefect", "the request is accepted", came)


def _busy(came: str) -> Busy:
    rule = "the server answers in time"
    return Busy("Prefect", rule, bounded(came, 200), "It is busy. Try again in a minute.")
