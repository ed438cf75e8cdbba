"""A challenger beside the champion: in shadow, or as a canary for a share of the keys. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from tasks.ledger.entry import Entry
from tasks.policy.amounts import share_text

# One failed answer of the first two is half of them, and no reason yet.
FEWEST_FAILURES = 3


@dataclass(frozen=True)
class Trial:
    """A version that shows what it can beside the champion, until it is promoted or withdrawn.

    Attributes:
        digest: of its manifest.
        beside, champion: the champion's digest and version; another champion ends the trial.
        share: the share of keys that it answers, 0 to 1; 0 in shadow, where it answers none.
        since, by, why: when, by whom and for what reason it began; never before the last change of
            the one before it.
        max_error_rate: the share of failed answers from which a canary is withdrawn.
        max_drop: what its live metric may lack against the champion's.
        attempt: names the beginning, so that no two trials are ever the same bytes.
        ended, ended_by, ended_at: why, by whom and when it was withdrawn, or empty.
    """

    version: int
    digest: str
    beside: str
    champion: int
    share: float
    since: datetime
    by: str
    why: str
    max_error_rate: float
    max_drop: float
    attempt: str
    ended: str = ""
    ended_by: str = ""
    ended_at: datetime | None = None

    @property
    def mode(self) -> Literal["shadow", "canary"]:
        return "canary" if self.share else "shadow"

    @property
    def words(self) -> str:
        """The mode for a sentence.

        >>> from datetime import UTC, datetime
        >>> Trial(4, "d", "c", 3, 0.1, datetime(2026, 1, 1, tzinfo=UTC), "me", "", 0, 0, "a").words
        'canary for 10% of the keys'
        """
        return f"canary for {share_text(self.share)} of the keys" if self.share else "shadow"

    @property
    def changed(self) -> datetime:
        """When it began or, where it did, ended: an older one is known by it."""
        return self.ended_at or self.since

    def stands(self, champion: str) -> bool:
        """Tell whether it goes on beside the champion of this digest."""
        return not self.ended and self.beside == champion and self.digest != champion

    def takes(self, key: str) -> bool:
        """Tell whether the challenger answers for this key: in every process the same."""
        # Not `hash`, which differs by process. A larger share keeps the keys of a smaller one; the
        # digest as the key of BLAKE2 (at most 64 bytes) gives every challenger others.
        hashed = hashlib.blake2b(key.encode("utf-8", "replace"), key=self.digest[:32].encode())
        return int.from_bytes(hashed.digest()[:8], "big") < self.share * 2**64

    def fails(self, tries: int, failures: int) -> bool:
        """Tell whether so many failed answers of so many break the bound; one or two never do."""
        return failures >= FEWEST_FAILURES and failures > self.max_error_rate * tries


def trial_entries(pipeline: str, trial: Trial) -> tuple[Entry, ...]:
    """Return what the ledger says of a trial: that it began, and where it did, that it ended."""
    # From the trial alone: whoever reads it can complete a ledger that its maker left without the
    # entries, and their ids make that happen once.
    name, mode = f"version {trial.version}", {"mode": trial.mode, "share": trial.share}
    begun = Entry(
        id=f"trial-{pipeline}-{trial.attempt}",
        at=trial.since,
        pipeline=pipeline,
        kind="trial",
        version=trial.version,
        by=trial.by,
        summary=f"{name} is tried beside version {trial.champion}, as {trial.words}: {trial.why}",
        figures={
            **mode,
            "beside": trial.champion,
            "max_error_rate": trial.max_error_rate,
            "max_drop": trial.max_drop,
        },
    )
    if trial.ended_at is None:
        return (begun,)
    ended = replace(
        begun,
        id=f"withdrawal-{pipeline}-{trial.attempt}",
        at=trial.ended_at,
        kind="withdrawal",
        by=trial.ended_by,
        summary=f"{name} is tried no more ({trial.mode}): {trial.ended}",
        figures={**mode, "why": trial.ended},
    )
    return (begun, ended)
