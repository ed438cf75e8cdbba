"""What was taken back: a batch that a person took out, a refusal that was lifted. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from tasks.errors import did_you_mean
from tasks.ledger.entry import Entry

SHORTEST = 6  # letters of a batch's id that name it


def names_batch(name: str, batch: str, key: str) -> bool:
    """Tell whether a person means this batch: by its id, the beginning of it, or its file's name.

    >>> names_batch("april.csv", "ab12cd34", "taxis/incoming/77/april.csv")
    True
    >>> names_batch("ab12cd", "ab12cd34", ""), names_batch("ab", "ab12cd34", "")
    (True, False)
    """
    starts = len(name) >= SHORTEST and batch.startswith(name)
    return starts or name in (key, key.rpartition("/")[2])


def show_batch(batch: str, key: str) -> str:
    """Return a batch as lists of them show it: what names it, both ways.

    >>> show_batch("ab12cd34" * 8, "taxis/incoming/77/april.csv")
    'ab12cd34ab12 (april.csv)'
    """
    return f"{batch[:12]} ({key.rpartition('/')[2]})"


def ask_for_batch(name: str, known: Iterable[tuple[str, str]]) -> str:
    """Return the question after the batch that a mistyped name is nearest to, or nothing.

    >>> ask_for_batch("aprl.csv", [("ab12cd34", "taxis/incoming/77/april.csv")])
    'Did you mean april.csv?'
    >>> ask_for_batch("ab13cd", [("ab12cd34", "taxis/incoming/77/april.csv")])
    'Did you mean ab12cd?'
    """
    length = max(len(name), SHORTEST)
    return did_you_mean(
        name, (word for batch, key in known for word in (_file(key), batch[:length]))
    )


def removed_batches(entries: Iterable[Entry]) -> frozenset[str]:
    """Return the batches, and files of labels, that a person took out."""
    return frozenset(entry.figures["batch"] for entry in entries if entry.kind == "removal")


def standing_refusals(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the refusals of rows that stand, oldest first: what was let in later was none."""
    entries = tuple(entries)
    lifted = [entry for entry in entries if entry.kind == "release"]
    batches = {entry.figures["batch"] for entry in lifted}
    # What could not even be downloaded was set aside under a name of its arrival, not of its bytes.
    objects = {entry.figures["object"]: entry.at for entry in lifted}

    def stands(refusal: Entry) -> bool:
        since = objects.get(refusal.figures.get("object"))
        lifted_unread = since is not None and refusal.at <= since
        return refusal.figures.get("batch") not in batches and not lifted_unread

    refusals = (entry for entry in entries if entry.kind == "quarantine")
    # signals count batches: a file of labels is told in the history alone
    of_rows = (entry for entry in refusals if entry.figures.get("what") != "labels")
    return tuple(filter(stands, of_rows))


def record_removal(
    pipeline: str, batch: str, key: str, rows: int, what: str, by: str, why: str
) -> Entry:
    """Return the entry that a batch was taken out; `what` is rows or labels."""
    return Entry(
        id=f"removal-{batch}",
        at=datetime.now(UTC),
        pipeline=pipeline,
        kind="removal",
        version=None,
        by=by,
        summary=f"{_file(key)} is taken out, {rows:,} {what}, and counts in no decision: {why}",
        figures={"batch": batch, "object": key, "rows": rows, "what": what},
    )


def record_release(pipeline: str, batch: str, key: str, told: str, by: str) -> Entry:
    """Return the entry that a refused batch was judged anew and accepted."""
    return Entry(
        id=f"release-{batch}",
        at=datetime.now(UTC),
        pipeline=pipeline,
        kind="release",
        version=None,
        by=by,
        summary=f"{_file(key)} was judged anew and is accepted{told}",
        figures={"batch": batch, "object": key},
    )


def _file(key: str) -> str:
    return key.rpartition("/")[2]
