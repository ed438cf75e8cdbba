"""The ledger as whoever decides by it reads it: every line as it was written, or none at all.

What held before is not walked again (`tasks.ledger.head`): its lines have the digest that they had,
and only the commits that came since are asked for their links.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from tasks.data.commits import Commit
from tasks.errors import IntegrityError
from tasks.ledger.entry import Entry
from tasks.ledger.head import NOTHING, Head, digest_lines, note_head, read_head, write_head
from tasks.ledger.ledger import COLUMNS, Ledger, read_entries
from tasks.ledger.links import LedgerCheck, link_of, walk
from tasks.store.layout import Layout

SHOWN = 5  # faults of a ledger


@dataclass(frozen=True)
class Anchor:
    """The link that the champion's pointer says was there before it, and what the pointer is of."""

    link: str
    of: str


NO_ANCHOR = Anchor("", "")


@dataclass(frozen=True)
class LedgerLook:
    """A ledger as it was found: its lines, what does not hold, and how far it is verified now."""

    rows: pa.Table
    faults: tuple[str, ...]
    head: Head


def look_at_ledger(
    ledger: Ledger, anchor: Anchor = NO_ANCHOR, *, whole: bool = False
) -> LedgerLook:
    """Verify the lines that came since the last look; all of them with `whole`.

    Lines that a person accepted as they are stay accepted, for as long as they are the same.

    Args:
        ledger: of one pipeline, with the keys that are believed.
        anchor: what has to be in it, by the champion's pointer.
    """
    head = read_head(ledger.bucket, ledger.pipeline, ledger.keyring)
    start = NOTHING if whole and not head.accepted else head
    found = ledger.table.read_since(start.version)
    newest = -1 if found is None else found[0]
    if found is None or newest < head.version:
        rows = COLUMNS.empty_table() if found is None else found[1]
        missing = f"the last {head.version - newest} commits that were there are missing"
        return LedgerLook(rows, (missing,) if newest < head.version else (), head)
    _, rows, commits = found
    earlier, later = _part(rows, commits)
    if start != NOTHING and digest_lines(earlier) != start.digest:
        # only a walk from the first line tells which one it is
        start, again = NOTHING, ledger.table.read_since(-1)
        newest, rows, commits = again or found
        later = rows
    changed = () if start == head else _tell_changed(commits, head)
    check = walk(ledger.keyring, ledger.pipeline, commits, later.to_pylist(), start)
    links = _links(commits)
    faults = (*check.faults, *changed)
    if anchor.link not in ("", start.link, start.anchor, *links) and not _has(ledger, anchor):
        faults += (f"the line before {anchor.of} is not there",)
    return LedgerLook(rows, faults, _reached(start, newest, rows, links, check, anchor))


def verified_entries(ledger: Ledger, anchor: Anchor = NO_ANCHOR) -> tuple[Entry, ...]:
    """Return the entries ordered by time, once every line holds; arguments as `look_at_ledger`.

    Raises:
        IntegrityError: a line was changed, left out or put in; it says the way out.
    """
    before = read_head(ledger.bucket, ledger.pipeline, ledger.keyring)
    look = look_at_ledger(ledger, anchor)
    refuse_faults(ledger.pipeline, look.faults)
    if look.head != before:
        note_head(ledger.bucket, ledger.pipeline, ledger.keyring, look.head)
    return read_entries(look.rows)


def accept_lines(ledger: Ledger, by: str, anchor: Anchor = NO_ANCHOR) -> int | None:
    """Take the lines as they are, because a person says so; return how many, None where they hold.

    Raises:
        ConfigurationError: there is no signing key.
    """
    look = look_at_ledger(ledger, anchor, whole=True)
    if not look.faults:
        return None
    found = ledger.table.read_since(-1)
    newest, rows, commits = (-1, look.rows, ()) if found is None else found
    links = _links(commits)
    check = LedgerCheck(sum(map(bool, links)), sum(not link for link in links), ())
    head = _reached(NOTHING, newest, rows, links, check, anchor)
    write_head(ledger.bucket, ledger.pipeline, ledger.keyring, replace(head, accepted=by))
    return int(rows.num_rows)


def sign_head_again(ledger: Ledger) -> None:
    """Sign the note of how far it was verified with the key that signs now, where there is one."""
    head = read_head(ledger.bucket, ledger.pipeline, ledger.keyring)
    if head != NOTHING:
        write_head(ledger.bucket, ledger.pipeline, ledger.keyring, head)


def refuse_faults(pipeline: str, faults: Sequence[str]) -> None:
    """Refuse to decide by lines that do not hold.

    >>> refuse_faults("taxis", ["version 3: a-line is not as it was written"])
    Traceback (most recent call last):
    ...
    tasks.errors.IntegrityError: taxis/ledger: each line is as it was written, and follows the \
line before; got version 3: a-line is not as it was written. Nothing is decided by it. See \
`perennial verify taxis`; restore it from a backup, or take it as it is: \
`perennial verify taxis --accept`.
    """
    if faults:
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        rule = "each line is as it was written, and follows the line before"
        remedy = (
            f"Nothing is decided by it. See `perennial verify {pipeline}`; restore it from a "
            f"backup, or take it as it is: `perennial verify {pipeline} --accept`."
        )
        came = "; ".join(faults[:SHOWN]) + more
        raise IntegrityError(Layout(pipeline).ledger, rule, came, remedy)


def _part(rows: pa.Table, commits: Sequence[Commit]) -> tuple[pa.Table, pa.Table]:
    """Return the lines before these commits, and theirs."""
    names = pa.array([commit.transaction for commit in commits], pa.string())
    theirs = pc.is_in(rows["id"], value_set=names)
    return rows.filter(pc.invert(theirs)), rows.filter(theirs)


def _tell_changed(commits: Sequence[Commit], head: Head) -> Iterator[str]:
    # cut and then written on, a ledger is linked throughout
    if head.accepted:
        yield f"the lines that {head.accepted} accepted are others now"
    elif head != NOTHING and _links(commits[: head.version + 1])[-1:] != [head.link]:
        yield f"version {head.version}: the line that was there is another now"


def _links(commits: Sequence[Commit]) -> list[str]:
    # upkeep brings no line: it stands between two lines, and links none
    return [link_of(commit) for commit in commits if not commit.upkeep]


def _has(ledger: Ledger, anchor: Anchor) -> bool:
    # a pointer may be newer than the note, which was written while the promotion went on
    return anchor.link in map(link_of, ledger.table.history())


def _reached(
    start: Head,
    newest: int,
    rows: pa.Table,
    links: Sequence[str],
    check: LedgerCheck,
    anchor: Anchor,
) -> Head:
    told = replace(start, anchor=anchor.link or start.anchor)
    if newest == start.version:
        return told
    return replace(
        told,
        version=newest,
        link=links[-1] if links else start.link,
        linked=check.linked,
        before=check.before,
        digest=digest_lines(rows),
    )
