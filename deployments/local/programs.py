"""What runs in the local stack, in which order, and how one sees that it is well."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from deployments.local import prefect_server, seaweedfs
from deployments.local.environment import HOST, client
from deployments.local.folder import Folder, Memory
from deployments.local.ports import Ports
from deployments.serving.keyfile import KEY_FILE, KEYS_NAME
from mlflow_server import command as tracking
from tasks.project import REPOSITORY
from tasks.store.layout import result

SUPERVISOR = "supervisor"
GUARD = "guard"
HOME_MARK = "PERENNIAL_STACK"
PROGRAM_MARK = "PERENNIAL_PROGRAM"
# What the receiver, and what serving, do not need, they do not get.
KEYS = ("AWS_", "PERENNIAL_SIGNING_KEY", "MLFLOW_TRACKING_")
OF_SERVERS = ("MLFLOW_TRACKING_", "PREFECT_API_")
RECEIVER_TOKEN = "PERENNIAL_RECEIVER_TOKEN"  # noqa: S105
PROBE = result("probe", "health")
FROM_HERE: Mapping[str, str] = {"PYTHONPATH": str(REPOSITORY)}


@dataclass(frozen=True)
class Program:
    """One process of the stack.

    `health` is the address that answers 200 when it is well, empty where being alive is all there
    is to see; a `signed` one is an object, asked for with the keys in `environment`. `after` is
    an address that must answer before the program is started.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    address: str = ""
    health: str = ""
    after: str = ""
    signed: bool = False
    adoptable: bool = True


def names() -> tuple[str, ...]:
    """Return the programs in the order in which they are waited for."""
    return ("s3", "mlflow", "prefect", "receiver", "worker", "serving", GUARD)


def programs(folder: Folder, memory: Memory, secrets: Mapping[str, str]) -> Mapping[str, Program]:
    """Return every program by name."""
    ports, ours = Ports.shifted(memory.offset), client(folder, memory, secrets)
    every = (
        _s3(folder, memory, ports, secrets),
        _mlflow(folder, memory, ports, ours, secrets),
        _prefect(folder, ports, secrets),
        _receiver(ports, ours, secrets),
        _worker(memory, ports, ours),
        _serving(folder, ports, ours),
        # Not adopted: a new supervisor wants a guard that watches it, not the old one.
        Program(
            GUARD, (sys.executable, "-m", "deployments.local.guard"), FROM_HERE, adoptable=False
        ),
    )
    return {program.name: program for program in every}


def _s3(folder: Folder, memory: Memory, ports: Ports, secrets: Mapping[str, str]) -> Program:
    token, events = secrets.get(RECEIVER_TOKEN, ""), f"http://{HOST}:{ports.receiver}/events"
    return Program(
        "s3",
        seaweedfs.command(folder.s3, folder.sockets, memory.bucket, ports),
        {
            **seaweedfs.environment(secrets, folder.certificate),
            **seaweedfs.notifications(events, token, memory.bucket),
        },
        address=f"http://{HOST}:{ports.s3}",
        health=f"http://{HOST}:{ports.s3}/{memory.bucket}/{PROBE}",
        signed=True,
    )


def _mlflow(
    folder: Folder,
    memory: Memory,
    ports: Ports,
    ours: Mapping[str, str],
    secrets: Mapping[str, str],
) -> Program:
    owner, viewer = (secrets[name] for _, name in tracking.PASSWORDS)
    served = tracking.ServerSettings(folder.root, memory.bucket, owner, viewer, port=ports.mlflow)
    store = {name: value for name, value in ours.items() if name.startswith("AWS_")}
    return Program(
        "mlflow",
        tracking.command(served),
        {**store, **tracking.environment(served), **FROM_HERE},
        address=f"http://{HOST}:{ports.mlflow}",
        health=f"http://{HOST}:{ports.mlflow}/health",
    )


def _prefect(folder: Folder, ports: Ports, secrets: Mapping[str, str]) -> Program:
    return Program(
        "prefect",
        prefect_server.server_command(ports),
        {**prefect_server.server_environment(folder.prefect, ports, secrets), **FROM_HERE},
        address=f"http://{HOST}:{ports.prefect}",
        health=f"http://{HOST}:{ports.prefect}/api/health",
    )


def _receiver(ports: Ports, ours: Mapping[str, str], secrets: Mapping[str, str]) -> Program:
    # No `after`: it starts without Prefect, and gathers what arrives meanwhile.
    address = f"http://{HOST}:{ports.receiver}"
    own = (sys.executable, "-m", "deployments.receiver", "--host", HOST)
    known = {name: text for name, text in ours.items() if not name.startswith(KEYS)}
    return Program(
        "receiver",
        (*own, "--port", str(ports.receiver)),
        {**known, RECEIVER_TOKEN: secrets.get(RECEIVER_TOKEN, ""), **FROM_HERE},
        address=address,
        health=f"{address}/healthz",
    )


def _worker(memory: Memory, ports: Ports, ours: Mapping[str, str]) -> Program:
    return Program(
        "worker",
        prefect_server.worker_command(memory.worker),
        {**ours, **prefect_server.worker_environment(ports, REPOSITORY)},
        health=f"http://{HOST}:{ports.worker}/health",
        # Before Prefect answers, a worker can neither make its pool nor ask for runs.
        after=f"http://{HOST}:{ports.prefect}/api/health",
    )


def _serving(folder: Folder, ports: Ports, ours: Mapping[str, str]) -> Program:
    address = f"http://{HOST}:{ports.serving}"
    known = {name: text for name, text in ours.items() if not name.startswith(OF_SERVERS)}
    listening = ("--port", str(ports.serving), "--metrics-port", str(ports.serving_metrics))
    return Program(
        "serving",
        (sys.executable, "-m", "deployments.serving", "--host", HOST, *listening),
        {**known, KEY_FILE: str(folder.root / KEYS_NAME), **FROM_HERE},
        address=address,
        health=f"{address}/healthz",
    )
