"""Whether a Dask scheduler speaks at an address, in bounded time.

Dask's own client (2026.8) waits for ever on a port that takes a connection and says nothing.
"""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import ExitStack
from urllib.parse import urlsplit

# A message begins with the bytes that follow, little-endian; a greeting has a few hundred.
LENGTH = struct.Struct("<Q")
GREETING = 2**20


def probe(url: str, context: ssl.SSLContext | None, seconds: float) -> None:
    """Connect, and hear the greeting that a scheduler sends first.

    Raises:
        OSError: nobody answers in so many seconds, or the certificates do not hold.
        ValueError: what answers is no Dask.
    """
    address = urlsplit(url)
    with ExitStack() as stack:
        connected = stack.enter_context(
            socket.create_connection((address.hostname, address.port), timeout=seconds)
        )
        if context is not None:
            connected = stack.enter_context(context.wrap_socket(connected))
        begun = connected.recv(LENGTH.size, socket.MSG_WAITALL if context is None else 0)
    if len(begun) < LENGTH.size or not 0 < LENGTH.unpack(begun)[0] < GREETING:
        raise ValueError(f"it speaks otherwise ({begun[: LENGTH.size]!r})")
