"""Whether another user listens where our servers do: a password that is told to him is lost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from deployments.local.ports import Ports
from tasks.errors import StackError

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
LISTENS = "0A"  # a socket's state, as the kernel writes it (include/net/tcp_states.h)
ENTERED = ("s3", "mlflow", "prefect")  # with keys or a password


def refuse_strangers(offset: int, tables: Iterable[Path] = TABLES) -> None:
    """Raise where another user holds a port of a stack that is down, or of a server that died.

    Raises:
        StackError: it names the port and the user's number.
    """
    for held in find_strangers(offset, tables):
        raise held


def find_strangers(offset: int, tables: Iterable[Path] = TABLES) -> Iterator[StackError]:
    """Yield, as an error, each port of ours with a password at which another user listens."""
    ports = Ports.shifted(offset).by_name()
    ours = {ports[name]: name for name in ENTERED}
    for table in tables:
        # another system than Linux tells nobody whose a socket is
        text = table.read_text("ascii") if table.exists() else ""
        for port, user in read_listeners(text):
            if port in ours and user != os.getuid():
                rule = "it is held by you, or by nobody: our password would be told to who holds it"
                remedy = "Have it freed, or shift all ports: `perennial up --port-offset 1000`."
                yield StackError(f"port {port} ({ours[port]})", rule, f"user {user}", remedy)


def read_listeners(text: str) -> Iterator[tuple[int, int]]:
    """Yield port and user of each socket that listens, from one of the kernel's tables.

    >>> head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid"
    >>> line = "   0: 0100007F:1068 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65534"
    >>> list(read_listeners(f"{head}\\n{line}\\n"))
    [(4200, 65534)]
    """
    for line in text.splitlines()[1:]:
        _, local, _, state, _, _, _, user, *_ = line.split()
        if state == LISTENS:
            yield int(local.rpartition(":")[2], 16), int(user)
