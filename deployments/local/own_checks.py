"""Checks of what the local stack alone has: the store's inner ports, and Prefect's SQLite."""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deployments.local import certificate
from deployments.local.doctor import Check, report_check
from deployments.local.environment import HOST
from deployments.local.folder import Folder, Memory
from deployments.local.ports import Ports
from deployments.local.processes import find_running
from tasks.config import pipeline_names
from tasks.settings import Settings

# HTTP/2 as gRPC speaks it without TLS: the preface, and settings of which none is told.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
SETTINGS = 4  # the type of the frame that a server begins with
SECONDS = 2.0
SOON = timedelta(days=30)
# SQLite has one writer. With 34 pipelines it was 853 times locked within an hour, so that 126
# events were set aside and 5 runs crashed.
MOST_ON_SQLITE = 20
RESTART = "Run `perennial down`, then `perennial up`, which makes a new one."


def check_own(folder: Folder, memory: Memory, settings: Settings) -> tuple[Check, ...]:
    """Check the store's inner ports while it runs, and the database where its Prefect is used."""
    ports = Ports.shifted(memory.offset)
    found = []
    if find_running(folder, "s3") is not None:
        found.append(check_inner_ports(ports, folder.certificate))
    if settings.prefect_url == f"http://{HOST}:{ports.prefect}/api":
        found.append(check_database(len(pipeline_names(settings.pipelines))))
    return tuple(found)


def check_database(pipelines: int) -> Check:
    """Check that no more pipelines write to Prefect's SQLite than it bears.

    >>> check_database(8).detail
    '8 pipelines on SQLite'
    """
    detail = f"{pipelines} pipelines on SQLite"
    remedy = (
        f"Above {MOST_ON_SQLITE}, run a Prefect server on PostgreSQL and set PREFECT_API_URL to it."
    )
    return report_check("database", pipelines <= MOST_ON_SQLITE, detail, remedy)


def check_inner_ports(ports: Ports, shown: Path) -> Check:
    """Check that gRPC answers nobody without the certificate `shown`, and that it lasts."""
    inner = {name: port for name, port in ports.by_name().items() if name.endswith("_grpc")}
    # SeaweedFS (4.48) that cannot read its certificate says so in its log, and serves without one.
    bare = [name for name, port in inner.items() if answers_plainly(port)]
    end = certificate.ends(shown)
    if bare:
        came = f"{', '.join(bare)} without a certificate"
        return report_check("inner ports", False, f"the store answers on {came}", RESTART)
    if end is None:
        return report_check("inner ports", False, f"no certificate at {shown}", RESTART)
    detail = f"{len(inner)} ask for a certificate, which ends {end:%Y-%m-%d}"
    return report_check("inner ports", end - SOON > datetime.now(UTC), detail, RESTART)


def answers_plainly(port: int) -> bool:
    """Return whether a gRPC server at a port of loopback talks to whoever connects, without TLS."""
    with suppress(OSError), socket.create_connection((HOST, port), SECONDS) as stream:
        stream.settimeout(SECONDS)
        stream.sendall(PREFACE)
        head = stream.recv(9)
        # What speaks TLS answers with an alert, or hangs up.
        return len(head) == 9 and head[3] == SETTINGS and head[0] == 0
    return False
