"""The policies that a history is replayed under, unless others are asked for."""

from __future__ import annotations

from tasks.policy.policy import Policy, parse_policy

FIXED = ("static", "every 1 batch", "every 2 batches", "every 3 batches")
WATCHFUL = ("drift", "performance", "decay", "error_drift", "estimated_performance")


def default_policies(own: Policy | None = None) -> tuple[Policy, ...]:
    """Return the fixed policies, one for each signal, and the pipeline's own, each once.

    >>> [str(one) for one in default_policies(parse_policy("age 30d"))][-2:]
    ['estimated_performance', 'age 30d']
    >>> len(default_policies(parse_policy("performance")))
    9
    """
    found = [parse_policy(text) for text in (*FIXED, *WATCHFUL)]
    return tuple(dict.fromkeys(found if own is None else [*found, own]))
