"""How much the answers to one sender count, where others asked too. Pure.

A sender is whoever asked with one API key; all who asked without one are one. Whoever holds a key
can ask as often as it allows, about rows whose truth they know: what was answered to one sender
must not be all that decides.
"""

from __future__ import annotations

from collections.abc import Mapping

# Of the labelled answers that are judged, one sender's are at most a half, as soon as the others
# have so many: with fewer, a figure would lose more by what is left out than by whom it is from.
SUFFICES = 5_000
# Labelled answers to others, for and beside a challenger, from which on they can contradict what
# one sender's make of it: as many rows as a gate asks for.
CONTRADICTS = 200
# Senders that are left out in turn before a canary is withdrawn: those with the most answers.
SUSPECTS = 10


def share_out(counts: Mapping[str, int], room: int) -> dict[str, int]:
    """Return how many of each sender's answers are looked at, where there is room for so many.

    Whoever has few is looked at whole, and the others share evenly what is left.

    >>> share_out({"app": 900, "lab": 30, "batch": 500}, 430)
    {'lab': 30, 'batch': 200, 'app': 200}
    """
    shares = {}
    for place, (sender, count) in enumerate(sorted(counts.items(), key=lambda item: item[1])):
        shares[sender] = min(count, room // (len(counts) - place))
        room -= shares[sender]
    return shares


def find_excess(counts: Mapping[str, int]) -> tuple[str, int]:
    """Return whose answers are more than half of those that are judged, and how many too many.

    >>> find_excess({"app": 90_000, "lab": 6_000, "batch": 1_000})
    ('app', 83000)
    >>> find_excess({"app": 90_000, "lab": 30}), find_excess({})
    (('', 0), ('', 0))
    """
    sender = max(counts, key=lambda name: counts[name], default="")
    most = counts.get(sender, 0)
    others = sum(counts.values()) - most
    return (sender, most - others) if SUFFICES <= others < most else ("", 0)


def find_suspects(*judged: Mapping[str, int]) -> tuple[str, ...]:
    """Return the senders with the most judged answers, of which one might make a finding alone.

    >>> find_suspects({"app": 5, "lab": 9}, {"app": 7})
    ('app', 'lab')
    """
    together: dict[str, int] = {}
    for counts in judged:
        for sender, count in counts.items():
            together[sender] = together.get(sender, 0) + count
    most = sorted(together, key=lambda name: (-together[name], name))
    return tuple(most[:SUSPECTS])
