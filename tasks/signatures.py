"""Signatures under a project's keys (HMAC-SHA256, RFC 2104), and how one key follows another. Pure.

A signature names the key that made it, so that a key can be replaced while what the one before
signed is still believed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tasks.errors import ConfigurationError

ID_LENGTH = 8  # hexadecimal digits


@dataclass(frozen=True)
class Keyring:
    """The key that signs, and those that signed before it.

    Attributes:
        current: signs, and is believed.
        earlier: believed until everything was signed anew.
        retired: believed for what cannot be signed anew, such as the lines of a ledger.
    """

    current: str = field(repr=False)
    earlier: tuple[str, ...] = field(default=(), repr=False)
    retired: tuple[str, ...] = field(default=(), repr=False)

    def sign(self, purpose: str, content: bytes) -> str:
        """Return the signature of some bytes, made for one purpose: for another it does not hold.

        Raises:
            ConfigurationError: there is no key.

        >>> Keyring("a key").sign("a test", b"words")
        'fd0a240e:67b3c931b21dfb2b4788b12945ad1f39048662e81d21d86dd06fca0705e27ac9'
        """
        if not self.current:
            remedy = "Set PERENNIAL_SIGNING_KEY."
            raise ConfigurationError("signing key", "it is not empty", "nothing", remedy)
        return f"{name_key(self.current)}:{_digest(self.current, purpose, content)}"

    def holds(self, purpose: str, content: bytes, signature: Any) -> bool:
        """Say whether a key that is believed made the signature, in constant time for each.

        >>> old, new = Keyring("a key"), Keyring("another", earlier=("a key",))
        >>> made = old.sign("a test", b"words")
        >>> new.holds("a test", b"words", made), Keyring("another").holds("a test", b"words", made)
        (True, False)
        """
        return _matches((self.current, *self.earlier), purpose, content, str(signature))

    def held(self, purpose: str, content: bytes, signature: Any) -> bool:
        """Say whether any key made it, a retired one included."""
        keys = (self.current, *self.earlier, *self.retired)
        return _matches(keys, purpose, content, str(signature))

    def names(self, signature: str) -> bool:
        """Say whether a key of ours is the one that the signature names, or it names none.

        >>> Keyring("a key").names("fd0a240e:67b3"), Keyring("another").names("fd0a240e:67b3")
        (True, False)
        """
        named = signature.rpartition(":")[0]
        keys = (self.current, *self.earlier, *self.retired)
        return not named or named in {name_key(key) for key in keys if key}

    def is_current(self, signature: Any) -> bool:
        """Say whether the signature names the key that signs now; who made it is not asked."""
        return str(signature).partition(":")[0] == name_key(self.current)


def name_key(key: str) -> str:
    """Return the name of a key, which tells nothing of it.

    >>> name_key("a key")
    'fd0a240e'
    """
    return hashlib.sha256(b"perennial key\n" + key.encode()).hexdigest()[:ID_LENGTH]


def canonical(content: Any) -> bytes:
    """Return the one JSON text of a value.

    Raises:
        ValueError: a value is NaN or no JSON.

    >>> canonical({"b": 1, "a": [0.5, None]})
    b'{"a":[0.5,null],"b":1}'
    """
    text = json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")


def sha256(data: bytes) -> str:
    """Return the SHA-256 of some bytes as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _matches(keys: Iterable[str], purpose: str, content: bytes, signature: str) -> bool:
    # Release 0.1.0 named no key.
    named, _, digest = signature.rpartition(":")
    tried = [key for key in keys if key and named in ("", name_key(key))]
    return any(
        hmac.compare_digest(digest.encode(), _digest(key, purpose, content).encode())
        for key in tried
    )


def _digest(key: str, purpose: str, content: bytes) -> str:
    return hmac.new(key.encode(), f"{purpose}\n".encode() + content, hashlib.sha256).hexdigest()
