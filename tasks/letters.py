"""The one form of Unicode in which names are compared and stored. Pure."""

from __future__ import annotations

import unicodedata


def compose(name: str) -> str:
    """Return a name with each letter as one sign where there is one: é comes as one or as two.

    >>> compose("cafe\u0301") == "caf\u00e9"
    True
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)
