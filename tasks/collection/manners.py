"""What a host asks of those who come: its robots.txt, read once; and which hosts may be asked."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from tasks.collection.fetch import AGENT, PATIENCE, PORTS, Fetched, Fetcher, bare
from tasks.collection.robots import MOST, Robots
from tasks.config.collect import WebCollect
from tasks.errors import ConfigurationError

FILE = "/robots.txt"


class Manners:
    """Says before each request whether it may be made, and how long to wait."""

    def __init__(self, fetcher: Fetcher, options: WebCollect) -> None:
        self._fetcher, self._options = fetcher, options
        told = {name.lower(): text for name, text in options.headers.items()}
        self._agent = told.get("user-agent", AGENT)
        self._robots: dict[str, Robots] = {}

    def check(self, url: str) -> float:
        """Return the seconds that the host wants between two requests.

        Raises:
            ConfigurationError: the page is of a host that is not allowed, or forbids it.
            SourceUnavailable: the host does not say what it forbids.
        """
        address = urlsplit(url)
        where = f"{address.scheme}://{address.netloc}"
        check_host(address, urlsplit(self._options.url), self._options.redirects)
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


def check_host(address: SplitResult, home: SplitResult, others: tuple[str, ...]) -> None:
    """Refuse an address that is neither of the page's own host nor of one of the others.

    Raises:
        ConfigurationError: it is of another host.

    >>> home = urlsplit("http://host/towns")
    >>> check_host(urlsplit("https://host/towns"), home, ())
    >>> check_host(urlsplit("http://ann:secret@169.254.169.254/latest"), home, ("www.host",))
    Traceback (most recent call last):
    ...
    tasks.errors.ConfigurationError: http://host/towns: it leads to its own host alone; \
got 169.254.169.254. List that host under source.collect.redirects where it is the right one.
    """
    secured = (home.scheme, address.scheme) == ("http", "https")
    same = address.hostname == home.hostname and (
        _port(address) == _port(home) or (secured and (_port(home), _port(address)) == (80, 443))
    )
    if not same and address.hostname not in others and address.netloc not in others:
        rule = "it leads to its own host alone"
        remedy = "List that host under source.collect.redirects where it is the right one."
        came = address.netloc.rpartition("@")[2]
        raise ConfigurationError(bare(home.geturl()), rule, came, remedy)


def _port(address: SplitResult) -> int | None:
    return address.port or PORTS.get(address.scheme)


def _robots(answer: Fetched) -> Robots:
    return Robots(answer.status, answer.content[:MOST].decode("utf-8", "replace"))
