"""Which earlier version the recorded gains make better than the one in service. Pure.

Each promotion may lose a little to the champion before it, within the gate's tolerance: twenty of
them may lose twenty times that. So the gate also holds a challenger to the best there was.
"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.ledger.entry import CHANGES, Entry


def find_best_before(entries: Iterable[Entry], champion: int) -> int | None:
    """Return the promoted version with the largest sum of gains; None where it is the champion.

    A version that a person went back from is none.

    Args:
        entries: of the ledger, oldest first.
        champion: the version in service.

    >>> from datetime import UTC, datetime
    >>> def entry(kind, version, **figures):
    ...     at = datetime(2026, 1, 1, tzinfo=UTC)
    ...     return Entry(f"{kind}-{version}", at, "toy", kind, version, "", "", figures)
    >>> first = [entry("verdict", 1, gain=None), entry("promotion", 1, replaced=None)]
    >>> second = [entry("verdict", 2, gain=-0.004), entry("promotion", 2, replaced=1)]
    >>> third = [entry("verdict", 3, gain=0.003), entry("promotion", 3, replaced=2)]
    >>> find_best_before([*first, *second, *third], 3)
    1
    >>> find_best_before([*first, *third], 3) is None
    True
    """
    gains: dict[int | None, float] = {}
    sums: dict[int | None, float] = {}
    left: set[int | None] = set()
    for entry in entries:
        if entry.kind == "verdict":
            # the last one: it may have been judged again, against another champion
            gains[entry.version] = float(entry.figures.get("gain") or 0.0)
        elif entry.kind in CHANGES:
            replaced = entry.figures.get("replaced")
            if entry.kind == "rollback":
                left.add(replaced)
            left.discard(entry.version)
            sums.setdefault(entry.version, sums.get(replaced, 0.0) + gains.get(entry.version, 0.0))
    own = sums.get(champion, 0.0)
    better = {v: total for v, total in sums.items() if v not in left and total > own}
    # of equal ones the newest
    return max(better, key=lambda v: (better[v], v or 0), default=None)
