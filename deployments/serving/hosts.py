"""The names under which the prediction API answers. Pure.

A page of another site can let its own name lead to this machine (DNS rebinding), and then asks in
the name of whoever looks at it: that name stands in `Host`. A page that asks without such a trick
says in `Origin` where it comes from.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

ALLOWED = "PERENNIAL_ALLOWED_HOSTS"
ANY = "*"
LOCAL = "localhost"
# Spellings that are remembered: a sender can make up any number of ports.
MOST_KNOWN = 1000


class Hosts:
    """The names that requests may come under, beside addresses; `*` lets in any.

    >>> hosts = Hosts(["Api.Example."])
    >>> hosts.refusal({b"host": b"api.example:8080"}), hosts.refusal({b"host": b"10.0.0.1"})
    ('', '')
    >>> hosts.refusal({b"host": b"evil.example"})
    'nothing is served here under the name evil.example; start with --allow-host to add one'
    >>> hosts.refusal({b"host": b"api.example", b"origin": b"http://10.0.0.1"})
    'a page of http://10.0.0.1 may not ask here; start with --allow-host to add a name'
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {_plain(name) for name in names} | {LOCAL}
        self._any = ANY in self._names
        self._known: set[bytes] = set()

    def refusal(self, headers: Mapping[bytes, bytes]) -> str:
        """Return why a request with these headers gets no answer, or an empty text."""
        # whoever sends none is no browser
        host, origin = headers.get(b"host"), headers.get(b"origin")
        if host is not None and host not in self._known and not self._learns(host):
            return (
                f"nothing is served here under the name {_shown(host)}; "
                "start with --allow-host to add one"
            )
        if origin is not None and not self._is_ours(origin, host):
            shown = _shown(origin)
            return f"a page of {shown} may not ask here; start with --allow-host to add a name"
        return ""

    def _learns(self, host: bytes) -> bool:
        name = name_of(host)
        # an address is no name, so nobody can let it lead elsewhere; a probe asks by it
        fits = self._any or name in self._names or _is_address(name)
        if fits and len(self._known) < MOST_KNOWN:
            self._known.add(host)
        return fits

    def _is_ours(self, origin: bytes, host: bytes | None) -> bool:
        name = name_of(origin.partition(b"://")[2])
        return self._any or name in self._names or (host is not None and name == name_of(host))


def name_of(host: bytes) -> str:
    """Return the name or address in a `Host`, without its port.

    >>> name_of(b"LocalHost.:80"), name_of(b"[::1]:80"), name_of(b"10.0.0.1"), name_of(b"")
    ('localhost', '::1', '10.0.0.1', '')
    """
    text = host.decode("latin-1").strip()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return _plain(text.partition(":")[0])


def _plain(name: str) -> str:
    return name.strip().rstrip(".").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _shown(sent: bytes) -> str:
    return ascii(sent[:80].decode("latin-1"))[1:-1]
