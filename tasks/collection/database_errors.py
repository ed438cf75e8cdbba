"""What a database's errors mean, and as much of them as may be told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from tasks.errors import ConfigurationError, PerennialError, SourceUnavailable

# SQLSTATE: connections, locks and deadlocks, no room, shutdown; they pass.
# https://www.postgresql.org/docs/15/errcodes-appendix.html
PASSING = ("08", "40", "53", "55P03", "57P0")
CANCELLED = "57014"
# The statement's own faults, wrong names and rights: such a message holds no value of a row.
TELLABLE = ("42", "28", "3D", "3F")


@contextmanager
def translate(where: str, url: URL, seconds: float, *, connecting: bool = False) -> Iterator[None]:
    """Let what the block raises become an error of ours, without a secret and without a value.

    Raises:
        SourceUnavailable: the database is not there, or is busy: it may come.
        ConfigurationError: it refuses, or the statement takes too long.
    """
    try:
        yield
    except PerennialError:
        raise
    # Each driver has errors of its own, and not all come through SQLAlchemy's.
    except Exception as error:
        state, came = state_of(error), told(error, url)
        if state in (CANCELLED, "SQLITE_INTERRUPT") or _is_late(error, connecting):
            rule = f"a statement gives rows within {seconds:g} s"
            remedy = "Raise source.collect.timeout, or put an index on what it looks for."
            raise ConfigurationError(where, rule, "none", remedy) from error
        if is_passing(error, connecting=connecting):
            rule, remedy = "the database answers", "Is it there, and reachable from here?"
            raise SourceUnavailable(where, rule, came, remedy) from error
        rule, remedy = "the database takes the statement", "Mend source.collect.query, or a right."
        if connecting:
            rule, remedy = "the database lets us in", "Check its address, user and password."
        raise ConfigurationError(where, rule, came, remedy) from error


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error, or SQLite's name for it, as far as its driver tells."""
    for cause in _causes(error):
        for name in ("sqlstate", "pgcode", "sqlite_errorname"):
            state = getattr(cause, name, None)
            if isinstance(state, str):
                return state
    return ""


def is_passing(error: BaseException, *, connecting: bool) -> bool:
    """Say whether the same may succeed a little later.

    >>> is_passing(ConnectionRefusedError(), connecting=True)
    True
    >>> is_passing(KeyError(), connecting=True)
    False
    """
    state = state_of(error)
    if state:
        return state.startswith((*PASSING, "SQLITE_BUSY", "SQLITE_LOCKED"))
    if isinstance(error, DBAPIError):
        # A driver that tells no state fails so where it cannot connect.
        lost = connecting and type(error).__name__ == "OperationalError"
        return error.connection_invalidated or lost
    return isinstance(error, OSError | TimeoutError)


def told(error: BaseException, url: URL) -> str:
    """Return what may be said: the kind of the error, and of the statement's own faults the words.

    >>> told(ValueError("name: 'Ann'"), URL.create("sqlite"))
    'ValueError'
    """
    cause = next(iter(list(_causes(error))[1:]), error)
    state = state_of(error)
    name = type(cause).__name__
    if not state.startswith(TELLABLE) and state != "SQLITE_ERROR":
        return f"{name} {state}".rstrip()
    words = re.sub(r"^<class '[^']*'>: ", "", str(cause)).partition("\n")[0]
    return hide_secrets(words, url)


def hide_secrets(text: str, url: URL) -> str:
    """Return the text without the password and the options of an address.

    >>> hide_secrets("no s3cret for ann", URL.create("postgresql", "ann", "s3cret", "host"))
    'no *** for ann'
    """
    values: list[Any] = [url.password, *url.query.values()]
    secrets = {str(value) for value in values if value}
    spelled = {way(secret) for secret in secrets for way in (str, quote, quote_plus)}
    for secret in sorted(spelled, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _is_late(error: BaseException, connecting: bool) -> bool:
    return not connecting and any(isinstance(cause, TimeoutError) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        orig = getattr(seen, "orig", None)
        seen = orig if isinstance(orig, BaseException) else seen.__cause__
