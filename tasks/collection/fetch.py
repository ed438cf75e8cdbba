"""Asking a web server, with bounds: the door of httpx to what is collected."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar

import httpx
from tenacity import RetryCallState

from tasks.collection.collector import Say, Unreadable
from tasks.collection.hosts import bare, check_host, is_own
from tasks.collection.patience import BACKOFF, NEXT_TIME, retrying
from tasks.collection.secrets import sign_request
from tasks.config.collect import WebCollecting
from tasks.errors import ConfigurationError, DataError, PerennialError, SourceUnavailable
from tasks.quantities import parse_duration

AGENT = "perennial-mlops"
LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
REDIRECTS = 5
PATIENCE = 300.0  # seconds: who asks for more is left until the next run of the schedule
Read = TypeVar("Read")


@dataclass(frozen=True)
class Fetched:
    """One answer: where it came from in the end, its bytes, and its headers in lower case."""

    url: str
    content: bytes
    headers: Mapping[str, str]
    links: Mapping[str, str]
    status: int = 200


class _Again(Exception):
    """Worth another try, after so many seconds where the server says how many."""

    def __init__(self, error: PerennialError, after: float | None = None) -> None:
        self.error, self.after = error, after
        super().__init__(str(error))


class Fetcher:
    """Asks one server, one request at a time; close it in the end (`with`).

    It leads to the host of the pipeline file's address, and to those that the file lists; to these
    go no credentials.

    Args:
        options: the address, how requests are signed, and their bounds.
        say: takes a line for each retry.
        limit: bytes of an answer, unfolded.

    Attributes:
        manners: asked before each request: it refuses the address, or returns the seconds that its
            host wants between two.
    """

    manners: Callable[[str], float] | None = None

    def __init__(self, options: WebCollecting, say: Say, limit: int) -> None:
        self._options, self._say, self._limit = options, say, limit
        self._seconds = parse_duration(options.timeout).total_seconds()
        self._pause = parse_duration(options.pause).total_seconds()
        self._home = str(_parsed(options.url))
        self._asked = float("-inf")
        self._signed = sign_request(options.auth)
        self._client = httpx.Client(
            headers={"User-Agent": AGENT, **options.headers},
            timeout=self._seconds,
            follow_redirects=False,
        )

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(
        self,
        url: str,
        params: Mapping[str, Any],
        read: Callable[[Fetched], Read],
        *,
        headers: Mapping[str, str] | None = None,
        also: Container[int] = (),
    ) -> Read:
        """Return what `read` makes of the answer; where it raises `Unreadable`, ask again.

        The statuses of `also` are answers too.

        Raises:
            SourceUnavailable: no answer within the bounds, after every retry.
            DataError: the answer is too large, or stays unreadable.
            ConfigurationError: the server refuses who asks, or knows no such address; or it leads
                to a host that the file does not list.
        """
        address = _parsed(url).copy_merge_params({k: _written(v) for k, v in params.items()})
        tries = retrying(self._options.retries, _Again, self._say, _wait)
        try:
            ask = partial(self._ask, headers=headers or {}, also=also)
            found: Read = tries(self._once, address, read, ask)
            return found
        except _Again as again:
            raise again.error from again.__cause__

    def _once(
        self,
        address: httpx.URL,
        read: Callable[[Fetched], Read],
        ask: Callable[[httpx.URL], tuple[Fetched, httpx.URL | None]],
    ) -> Read:
        for _ in range(REDIRECTS):
            check_host(str(address), self._home, self._options.redirects)
            self._rest(0.0 if self.manners is None else self.manners(str(address)))
            fetched, onward = ask(address)
            if onward is None:
                try:
                    return read(fetched)
                except Unreadable as error:
                    remedy = "Look at what the address answers."
                    rule = "the answer is what source.collect says"
                    raise _Again(DataError(bare(str(address)), rule, error, remedy)) from error
            address = onward
        rule = f"it redirects at most {REDIRECTS} times"
        raise ConfigurationError(bare(str(address)), rule, "one more", "Set url to where it leads.")

    def _ask(
        self, address: httpx.URL, headers: Mapping[str, str], also: Container[int]
    ) -> tuple[Fetched, httpx.URL | None]:
        until = time.monotonic() + self._seconds
        where = bare(str(address))
        signed = self._signed if is_own(str(address), self._home) else {}
        try:
            with self._client.stream("GET", address, headers={**headers, **signed}) as answer:
                if answer.has_redirect_location:
                    return Fetched("", b"", {}, {}), address.join(answer.headers["location"])
                if answer.status_code not in also or answer.status_code in LATER:
                    self._check_status(answer, where)
                content = self._body(answer, where, until)
                links = {name or "": link.get("url", "") for name, link in answer.links.items()}
                told, status = dict(answer.headers.items()), answer.status_code
                joined = {name: str(address.join(link)) for name, link in links.items() if link}
        except httpx.InvalidURL as error:
            raise ConfigurationError(where, "it leads to an address", "none") from error
        except httpx.RequestError as error:
            raise _Again(_unavailable(where, _tell_failure(error, self._seconds))) from error
        finally:
            # From the end of an answer: a slow host is not asked again the sooner for it.
            self._asked = time.monotonic()
        return Fetched(str(address), content, told, joined, status), None

    def _body(self, answer: httpx.Response, where: str, until: float) -> bytes:
        # each packing may unfold to a thousand times: of several, a few bytes would fill a memory
        if "," in answer.headers.get("content-encoding", ""):
            rule, remedy = "an answer is packed at most once", "It is no source to collect from."
            raise DataError(where, rule, "more", remedy)
        content = bytearray()
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > self._limit:
                rule = f"an answer has at most {self._limit:,} bytes"
                remedy = "Ask for smaller pages in source.collect.params."
                raise DataError(where, rule, "more", remedy)
            # httpx bounds each read alone: a trickle would go on for ever.
            if time.monotonic() > until:
                raise _Again(_unavailable(where, f"no whole answer in {self._seconds:g} s"))
        return bytes(content)

    def _check_status(self, answer: httpx.Response, where: str) -> None:
        status = answer.status_code
        if answer.is_success:
            return
        if status in LATER:
            after = read_retry_after(answer.headers.get("retry-after", ""), datetime.now(UTC))
            error = _unavailable(where, f"status {status}")
            if after is not None and after > PATIENCE:
                came = f"status {status}, and the word to come back in {after:,.0f} s"
                raise _unavailable(where, came)
            raise _Again(error, after)
        if status in (401, 403):
            rule, remedy = "the server lets us in", "Check what source.collect.auth names."
        else:
            rule, remedy = "the server answers", "Check url and params under source.collect."
        raise ConfigurationError(where, rule, f"status {status}", remedy)

    def _rest(self, least: float) -> None:
        left = self._asked + max(self._pause, least) - time.monotonic()
        if left > 0:
            time.sleep(left)


def read_retry_after(text: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, in either of its forms.

    >>> now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    >>> read_retry_after("7", now), read_retry_after("Thu, 01 Jan 2026 12:00:30 GMT", now)
    (7.0, 30.0)
    >>> read_retry_after("soon", now), read_retry_after("²", now)
    (None, None)
    """
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - now).total_seconds(), 0.0)
    # TypeError: a time without a zone; OverflowError: a zone beyond all
    except (ValueError, TypeError, OverflowError):
        return None


def _wait(state: RetryCallState) -> float:
    again = None if state.outcome is None else state.outcome.exception()
    after = again.after if isinstance(again, _Again) else None
    return float(BACKOFF(state) if after is None else after)


def _tell_failure(error: httpx.RequestError, seconds: float) -> str:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return "no connection"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer in {seconds:g} s"
    return "an answer that broke off"


def _unavailable(where: str, came: str) -> SourceUnavailable:
    return SourceUnavailable(where, "the source answers in time", came, NEXT_TIME)


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        remedy = "Mend source.collect.url."
        raise ConfigurationError("an address", "it can be asked for", "another", remedy) from error


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
