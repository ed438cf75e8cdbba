"""What is said of a figure on rows that the version may have learned from. Pure."""

from __future__ import annotations

from typing import Any


def say_seen(outcome: dict[str, Any]) -> str:
    """Say that a figure may be too good, or nothing; a figure of an older release says nothing.

    Known rows are told by what they say; time is asked where the data is no longer there.

    >>> say_seen({"version": 2, "seen": None, "learned": 0.5})
    'Version 2 learned from 50.0% of these rows.'
    >>> say_seen({"version": 2, "seen": 0.5})
    '50.0% of these rows are no later than what version 2 learned from: it may have seen them.'
    >>> say_seen({"version": 2, "seen": 0.0})
    ''
    """
    learned, version = outcome.get("learned"), f"version {outcome['version']}"
    if learned is not None:
        return (
            f"{version.capitalize()} learned from {learned:.1%} of these rows." if learned else ""
        )
    seen = outcome.get("seen", 0.0)
    if seen == 0:
        return ""
    if seen is None:
        return f"Nothing tells whether {version} learned from these rows: it may have."
    until = f"no later than what {version} learned from"
    return f"{seen:.1%} of these rows are {until}: it may have seen them."
