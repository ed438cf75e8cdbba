"""The one form of Unicode in which names are compared and stored, and how they are shown. Pure."""

from __future__ import annotations

import unicodedata


def compose(name: str) -> str:
    """Return a name with each letter as one sign where there is one: é comes as one or as two.

    >>> compose("cafe\u0301") == "caf\u00e9"
    True
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def show_line(text: str) -> str:
    """Return a text from outside as one line: what moves or hides other signs is written out.

    >>> print(show_line("a.csv\\n2026-01-01  Cleared\\x1b[2K\\u202e"))
    a.csv\\n2026-01-01  Cleared\\x1b[2K\\u202e
    """
    return "".join(_written_out(sign) for sign in text)


def show_lines(text: str) -> str:
    """Do so line by line: for what is told on a terminal."""
    return "\n".join(map(show_line, text.split("\n")))


def _written_out(sign: str) -> str:
    # the two joiners are part of words of some scripts, and of emoji
    if sign.isprintable() or sign in "\t\u200c\u200d":
        return sign
    return sign.encode("unicode_escape").decode("ascii")
