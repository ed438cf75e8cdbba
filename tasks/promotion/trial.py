"""A challenger beside the champion: in shadow, or as a canary for a share of the keys. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from tasks.errors import IntegrityError
from tasks.policy.amounts import share_text
from tasks.promotion.manifest import canonical

FORMAT = 1
FEWEST_FAILURES = 3


@dataclass(frozen=True)
class Trial:
    """A version that shows what it can beside the champion, until it is promoted or withdrawn.

    Attributes:
        digest: of its manifest.
        beside: the digest of the champion's manifest; another champion ends the trial.
        share: the share of keys that it answers, over 0 to 1; 0 in shadow, where it answers none.
        since, by, why: when, by whom and for what reason it began.
        max_error_rate: the share of failed answers from which a canary is withdrawn.
        max_drop: what its live metric may lack against the champion's.
        attempt: names the beginning, so that no two trials are ever the same bytes.
        ended: why it was withdrawn, or empty.
    """

    version: int
    digest: str
    beside: str
    share: float
    since: datetime
    by: str
    why: str
    max_error_rate: float
    max_drop: float
    attempt: str
    ended: str = ""

    @property
    def mode(self) -> Literal["shadow", "canary"]:
        """In which way it is tried."""
        return "canary" if self.share else "shadow"

    @property
    def words(self) -> str:
        """The mode for a sentence.

        >>> from datetime import UTC, datetime
        >>> Trial(4, "d", "c", 0.1, datetime(2026, 1, 1, tzinfo=UTC), "me", "", 0, 0, "a").words
        'canary for 10% of the keys'
        """
        return f"canary for {share_text(self.share)} of the keys" if self.share else "shadow"

    def stands(self, champion: str) -> bool:
        """Tell whether it goes on beside the champion of this digest."""
        return not self.ended and self.beside == champion and self.digest != champion

    def takes(self, key: str) -> bool:
        """Tell whether the challenger answers for this key.

        The same key gets the same answer in every process, and a larger share keeps the keys of a
        smaller one.
        """
        hashed = hashlib.blake2b(key.encode("utf-8", "replace"), key=self.digest[:32].encode())
        return int.from_bytes(hashed.digest()[:8], "big") < self.share * 2**64

    def fails(self, tries: int, failures: int) -> bool:
        """Tell whether so many failed answers of so many break the bound; one or two never do."""
        return failures >= FEWEST_FAILURES and failures > self.max_error_rate * tries

    def to_bytes(self) -> bytes:
        """Return it as it is stored."""
        return canonical(asdict(self) | {"format": FORMAT, "since": self.since.isoformat()})

    @classmethod
    def from_bytes(cls, data: bytes, where: str = "challenger.json") -> Trial:
        """Read what `to_bytes` wrote.

        Raises:
            IntegrityError: it is no trial.
        """
        try:
            content: dict[str, Any] = dict(json.loads(data))
            if content.pop("format") != FORMAT or not isinstance(content["version"], int):
                raise ValueError("another format")
            return cls(**content | {"since": datetime.fromisoformat(content["since"])})
        except (ValueError, KeyError, TypeError) as error:
            remedy = "Begin a trial again after moving the object away."
            raise IntegrityError(where, "it is a trial", error, remedy) from error
