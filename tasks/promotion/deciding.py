"""The one door to the ledger for whoever decides by it; whoever shows it reads `Ledger.entries`."""

from __future__ import annotations

from tasks.errors import IntegrityError
from tasks.ledger.entry import Entry
from tasks.ledger.verified import NO_ANCHOR, Anchor, verified_entries
from tasks.promotion import pointer
from tasks.workspace import Place


def entries_to_decide_by(place: Place) -> tuple[Entry, ...]:
    """Return the ledger's entries ordered by time, every line verified, none missing.

    Raises:
        IntegrityError: it does not hold, or lacks what the champion's pointer knows of.
    """
    # the pointer first: the line that it names was there before it
    return verified_entries(place.ledger, find_anchor(place))


def find_anchor(place: Place) -> Anchor:
    """Return the line that the champion's pointer says was there, if it says of any."""
    try:
        found = pointer.read(place)
    # a pointer that does not hold is refused where it is read for itself
    except IntegrityError:
        return NO_ANCHOR
    if found is None:
        return NO_ANCHOR
    champion = found[0]
    return Anchor(champion.anchor, f"the {champion.kind} of version {champion.version}")
