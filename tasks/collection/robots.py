"""What a host's robots.txt says about us. Pure.

Read as the standard library does: the first rule that fits counts, and `*` inside a path is no
pattern. https://www.rfc-editor.org/rfc/rfc9309
"""

from __future__ import annotations

import math
from urllib.robotparser import RobotFileParser

MOST = 512 * 1024  # bytes that are read; RFC 9309 asks for 500 KiB at least


class Robots:
    """The rules of one host.

    >>> robots = Robots(200, "User-agent: *\\nDisallow: /private\\nCrawl-delay: 2")
    >>> robots.allows("perennial", "http://host/private/table"), robots.pause("perennial")
    (False, 2.0)
    >>> Robots(404, "").allows("perennial", "http://host/table")
    True
    >>> odd = "User-agent: *\\nCrawl-delay: ²\\nDisallow: http://[x\\nDisallow: /private"
    >>> Robots(200, odd).allows("perennial", "http://host/private/table")
    False
    """

    def __init__(self, status: int, text: str) -> None:
        self._parser = RobotFileParser()
        # RFC 9309 lets everyone in where there is no such file; who hides it does not.
        hidden = ["User-agent: *", "Disallow: /"] if status in (401, 403) else []
        told = filter(_reads, text.splitlines()) if status == 200 else hidden
        self._parser.parse(told)

    def allows(self, agent: str, url: str) -> bool:
        """Say whether the page may be asked for."""
        return self._parser.can_fetch(agent, url)

    def pause(self, agent: str) -> float:
        """Return the seconds that are to lie between two requests."""
        delay = self._parser.crawl_delay(agent)
        rate = self._parser.request_rate(agent)
        try:
            each = 0.0 if rate is None or not rate.requests else rate.seconds / rate.requests
            return max(float(delay or 0), each)
        # a number with more digits than a float has
        except OverflowError:
            return math.inf


def _reads(line: str) -> bool:
    # at a number or an address that is none, the standard library gives up the whole file
    try:
        RobotFileParser().parse(["User-agent: *", line])
    except ValueError:
        return False
    return True
