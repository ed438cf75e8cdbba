"""What is said of a figure on rows that the version may have learned from. Pure."""

from __future__ import annotations

from typing import Any


def say_seen(outcome: dict[str, Any]) -> str:
    """Say that a figure may be too good, or nothing; a figure of an older release says nothing.

    >>> say_seen({"version": 2, "seen": 0.5})
    '50.0% of these rows are no later than what version 2 learned from: it may have seen them.'
    >>> say_seen({"version": 2, "seen": 0.0})
    ''
    """
    seen = outcome.get("seen", 0.0)
    if seen == 0:
        return ""
    version = f"version {outcome['version']}"
    if seen is None:
        return f"Nothing tells whether {version} learned from these rows: it may have."
    until = f"no later than what {version} learned from"
    return f"{seen:.1%} of these rows are {until}: it may have seen them."
