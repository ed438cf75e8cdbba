"""Who may ask for what, and how often. Pure.

Keys are 256 random bits, so their SHA-256 is all that is kept: nothing can be guessed from it,
and a slow hash would only slow the requests.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tasks.errors import ConfigurationError

EVERY = "*"
PREFIX = "pn_"
# Requests a second of a key that was made without a word about it: whoever copies a model by asking
# it everything takes their time.
RATE = 100.0


@dataclass(frozen=True)
class Key:
    """A key as it is kept: its owner's name, its digest, its pipelines, its requests a second.

    `pipelines` are names, or `*` for all; `rate` 0 is without a limit.
    """

    name: str
    digest: str
    pipelines: tuple[str, ...] = (EVERY,)
    rate: float = 0.0

    def may(self, pipeline: str) -> bool:
        """Tell whether it opens a pipeline; the empty name stands for what all share.

        >>> Key("a", "", ("flights",)).may("flights"), Key("a", "", ("flights",)).may("planes")
        (True, False)
        """
        return not pipeline or EVERY in self.pipelines or pipeline in self.pipelines


def make_key(name: str, pipelines: tuple[str, ...], rate: float) -> tuple[str, Key]:
    """Return a new key in clear, to be shown once, and as it is kept.

    Raises:
        ConfigurationError: it has no name, or its rate is no number from 0.

    >>> secret, key = make_key("ann", ("*",), 0)
    >>> key.digest == digest(secret) != digest("pn_other")
    True
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    key = Key(name, digest(secret), pipelines, rate)
    # one that cannot be read would make the whole file none
    if not _is_readable(key):
        rule, came = "a key has a name, and a rate from 0", f"{name!r}, {rate:g} requests a second"
        raise ConfigurationError("API keys", rule, came, "Say another.")
    return secret, key


def digest(secret: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(secret.encode()).hexdigest()


def parse_keys(text: str, where: str) -> dict[str, Key]:
    """Read a file of keys, by digest.

    Raises:
        ConfigurationError: it is something else.

    >>> key = Key("ann", digest("secret"))
    >>> parse_keys(render_keys([key]), "keys.json") == {key.digest: key}
    True
    """
    try:
        keys = [_key(entry) for entry in json.loads(text)["keys"]]
    except (ValueError, KeyError, TypeError) as error:
        rule, remedy = "it is a file of API keys", "Make keys with `perennial keys add`."
        raise ConfigurationError(where, rule, repr(error), remedy) from error
    return {key.digest: key for key in keys}


def render_keys(keys: list[Key]) -> str:
    """Write what `parse_keys` reads."""
    return json.dumps({"keys": [asdict(key) for key in keys]}, indent=1) + "\n"


def _key(entry: Mapping[str, Any]) -> Key:
    key = Key(**{**entry, "pipelines": tuple(entry["pipelines"])})
    if not _is_readable(key):
        raise ValueError(key.name)
    return key


def _is_readable(key: Key) -> bool:
    return bool(key.name) and len(key.digest) == len(digest("")) and key.rate >= 0


class TokenBucket:
    """A token bucket: at most `rate` requests a second, and as many at once.

    >>> bucket = TokenBucket(2, now=0.0)
    >>> [bucket.wait(0.0), bucket.wait(0.0), bucket.wait(0.0), bucket.wait(0.5)]
    [0.0, 0.0, 0.5, 0.0]
    """

    def __init__(self, rate: float, now: float) -> None:
        # a rate below one a second still lets a whole request through, after a while
        self.rate, self._tokens, self._at = rate, max(rate, 1.0), now

    def wait(self, now: float) -> float:
        """Take one and return 0, or return the seconds until there is one."""
        most = max(self.rate, 1.0)
        self._tokens = min(most, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self.rate
