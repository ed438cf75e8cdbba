"""How long a store that is there, and cannot answer now, is waited for.

boto3's own tries are few, so that a store that is gone is told in seconds. One that answers "not
now" is another matter: it is restarted, or asked too much, and the same request does in a moment.
Each pause is drawn: many that were told so at once do not come back at once.
"""

from __future__ import annotations

import time
from typing import Any

from tasks.waits import drawn

PATIENCE = 20.0  # seconds
CONNECT, SILENCE = 3.0, 60.0  # seconds, of one attempt: to connect, and between two pieces
PAUSES = (0.5, 1.0, 2.0)  # seconds between two requests; the last one again and again
LATER = (429, 502, 503, 504)
BEGAN = "perennial.began"


def wait_for_answers(client: Any, patience: float) -> None:
    """Let a client of boto3 send a request again while the store says that it cannot answer now."""

    def pause(
        *, attempts: int, response: Any = None, request_dict: Any = None, **_: Any
    ) -> float | None:
        # without a response nobody was there: that is boto3's own to judge
        if response is None or response[0].status_code not in LATER:
            return None
        began = request_dict["context"].setdefault(BEGAN, time.monotonic())
        wanted = drawn(PAUSES[min(attempts, len(PAUSES)) - 1])
        return wanted if time.monotonic() + wanted < began + patience else None

    # before boto3's own: of all handlers the first that tells a number of seconds counts
    client.meta.events.register_first("needs-retry.s3", pause)
