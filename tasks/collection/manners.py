"""What a host asks of those who come: its robots.txt, read once."""

from __future__ import annotations

from urllib.parse import urlsplit

from tasks.collection.fetch import AGENT, PATIENCE, Fetched, Fetcher
from tasks.collection.hosts import bare
from tasks.collection.robots import MOST, Robots
from tasks.config.collect import WebCollect
from tasks.errors import ConfigurationError

FILE = "/robots.txt"


class Manners:
    """Says before each request whether it may be made, and how long to wait."""

    def __init__(self, fetcher: Fetcher, options: WebCollect) -> None:
        self._fetcher = fetcher
        told = {name.lower(): text for name, text in options.headers.items()}
        self._agent = told.get("user-agent", AGENT)
        self._robots: dict[str, Robots] = {}

    def check(self, url: str) -> float:
        """Return the seconds that the host wants between two requests.

        Raises:
            ConfigurationError: the host forbids it.
            SourceUnavailable: the host does not say what it forbids.
        """
        address = urlsplit(url)
        where = f"{address.scheme}://{address.netloc}"
        if address.path == FILE:
            return 0.0
        if where not in self._robots:
            # No file is no rule; one that cannot be had now may forbid.
            self._robots[where] = self._fetcher.get(
                f"{where}{FILE}", {}, _robots, also=set(range(400, 500))
            )
        robots = self._robots[where]
        if not robots.allows(self._agent, url):
            rule = f"the robots.txt of {address.hostname} lets programs ask for the page"
            remedy = "Ask its owner, or take the data another way."
            raise ConfigurationError(bare(url), rule, "a rule against it", remedy)
        pause = robots.pause(self._agent)
        if pause > PATIENCE:
            rule = f"the robots.txt of {address.hostname} wants {PATIENCE:g} s at most between two"
            remedy = "Ask its owner, or take the data another way."
            raise ConfigurationError(bare(url), rule, f"{pause:,.0f} s", remedy)
        return pause


def _robots(answer: Fetched) -> Robots:
    return Robots(answer.status, answer.content[:MOST].decode("utf-8", "replace"))
