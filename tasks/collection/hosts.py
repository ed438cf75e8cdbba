"""Which hosts a source leads to: its own, and those that the pipeline file lists. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from tasks.errors import ConfigurationError

PORTS = {"http": 80, "https": 443}


def check_host(url: str, home: str, others: Iterable[str]) -> None:
    """Refuse an address, of a redirect or a link, that the source at `home` may not lead to.

    Raises:
        ConfigurationError: it is of a host that is neither its own nor one of `others`, is no
            address of the web, or leaves https.

    >>> check_host("https://host/towns", "http://host/towns", ())
    >>> check_host("http://ann:secret@169.254.169.254/latest", "http://host/towns", ["www.host"])
    Traceback (most recent call last):
    ...
    tasks.errors.ConfigurationError: http://host/towns: it leads to its own host alone; \
got 169.254.169.254. List that host under source.collect.redirects where it is the right one.
    >>> check_host("http://host/towns", "https://host/towns", ["host"])
    Traceback (most recent call last):
    ...
    tasks.errors.ConfigurationError: https://host/towns: it stays with https; \
got http://host/towns. Set source.collect.url to that address where it is the right one.
    """
    address, own = urlsplit(url), urlsplit(home)
    if address.scheme not in PORTS or not address.hostname:
        rule = "an address begins with http:// or https://"
        raise ConfigurationError(bare(url), rule, address.scheme)
    if (own.scheme, address.scheme) == ("https", "http"):
        remedy = "Set source.collect.url to that address where it is the right one."
        raise ConfigurationError(bare(home), "it stays with https", bare(url), remedy)
    host, allowed = _host(address), {other.lower() for other in others}
    if not is_own(url, home) and host not in allowed and address.hostname not in allowed:
        remedy = "List that host under source.collect.redirects where it is the right one."
        raise ConfigurationError(bare(home), "it leads to its own host alone", host, remedy)


def is_own(url: str, home: str) -> bool:
    """Return whether an address is of the source's own server, to which its credentials may go.

    >>> is_own("https://host/a", "http://host/b"), is_own("http://host:81/a", "http://host/b")
    (True, False)
    """
    address, own = urlsplit(url), urlsplit(home)
    ports = _port(own), _port(address)
    secured = (own.scheme, address.scheme) == ("http", "https")
    if address.hostname != own.hostname:
        return False
    if secured:
        return ports == (80, 443)
    return own.scheme == address.scheme and ports[0] == ports[1]


def bare(url: str) -> str:
    """Return an address without query and user, which may hold what is nobody's business.

    >>> bare("https://ann:secret@host/towns?key=abc#top")
    'https://host/towns'
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def _host(address: SplitResult) -> str:
    return address.netloc.rpartition("@")[2].lower()


def _port(address: SplitResult) -> int | None:
    return address.port or PORTS.get(address.scheme)
