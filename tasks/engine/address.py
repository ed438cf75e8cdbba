"""What `engine` may be in a pipeline file. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

LOCAL, OWN = "local", "dask"
PORT = 8786  # Dask's own
# For an editor; what `parse_engine` refuses beyond it says why.
PATTERN = r"^(local|dask|(dask|tcp|tls|dask\+tls)://.+)$"
SCHEMES = {"dask": "tcp", "tcp": "tcp", "tls": "tls", "dask+tls": "tls"}


@dataclass(frozen=True)
class EngineAddress:
    """An engine as a pipeline file names it; `url` is its scheduler's, None where there is none."""

    text: str
    url: str | None = None

    @property
    def encrypted(self) -> bool:
        """Whether certificates are needed to reach it."""
        return self.url is not None and self.url.startswith("tls:")


def parse_engine(text: str) -> EngineAddress:
    """Return what the text names.

    Raises:
        ValueError: it is neither local, dask, nor the address of a scheduler.

    >>> parse_engine("dask://scheduler").url, parse_engine("dask+tls://10.0.0.7:9000").url
    ('tcp://scheduler:8786', 'tls://10.0.0.7:9000')
    >>> parse_engine("dask").url is None
    True
    >>> parse_engine("dask://scheduler:none")
    Traceback (most recent call last):
    ...
    ValueError: a port is a number from 1 to 65535
    """
    if text in (LOCAL, OWN):
        return EngineAddress(text)
    scheme, slashes, rest = text.partition("://")
    if not slashes or scheme not in SCHEMES:
        raise ValueError("it is local, dask, dask://HOST:PORT or dask+tls://HOST:PORT")
    # an IPv6 address stands in brackets, since it has colons itself
    parts = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:/@\[\]]+)(?::([^/@]*))?", rest)
    if parts is None:
        raise ValueError("behind :// stands HOST or HOST:PORT, and nothing else")
    host, port = parts[1], parts[2]
    if port is not None and not (
        re.fullmatch("[0-9]{1,5}", port, re.ASCII) and 0 < int(port) < 65536
    ):
        raise ValueError("a port is a number from 1 to 65535")
    return EngineAddress(text, f"{SCHEMES[scheme]}://{host}:{port or PORT}")
