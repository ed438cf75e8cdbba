"""How long to wait before a server that was busy is asked again."""

from __future__ import annotations

import random

SPREAD = 0.5


def drawn(seconds: float) -> float:
    """Return about so many seconds, half as many to half as many again.

    Those whom one busy moment turned away must not all come back at one moment.

    >>> 1 <= drawn(2) <= 3
    True
    """
    return seconds * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311
