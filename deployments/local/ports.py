"""Which port each part of the local stack listens on, and who holds one that is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from tasks.errors import ConfigurationError, StackError

HIGHEST = 65535


@dataclass(frozen=True)
class Ports:
    """Every port of one stack."""

    s3: int = 8333
    mlflow: int = 5000
    prefect: int = 4200
    worker: int = 4201
    serving: int = 8080
    receiver: int = 8081
    serving_metrics: int = 8082
    s3_grpc: int = 8334
    master: int = 9333
    master_grpc: int = 9334
    volume: int = 9340
    volume_grpc: int = 9341
    filer: int = 8888
    filer_grpc: int = 8889
    admin: int = 9350
    admin_grpc: int = 19350  # SeaweedFS's worker looks for it at the admin's port plus 10,000

    @classmethod
    def shifted(cls, offset: int) -> Ports:
        """Return the default ports, each moved up by `offset`.

        Raises:
            ConfigurationError: a port would be negative or beyond 65535.
        """
        if not 0 <= offset <= MOST_OFFSET:
            rule = f"it is 0 to {MOST_OFFSET}"
            raise ConfigurationError("--port-offset", rule, offset, "Choose a smaller one.")
        return cls(**{name: port + offset for name, port in cls().by_name().items()})

    def by_name(self) -> Mapping[str, int]:
        """Return the ports by the name of who listens there."""
        return asdict(self)


MOST_OFFSET = HIGHEST - max(Ports().by_name().values())


@dataclass(frozen=True)
class Holder:
    """The process that listens on a port; its pid is None where the system will not tell."""

    port: int
    pid: int | None
    name: str
    command: str

    def __str__(self) -> str:
        if self.pid is None:
            return "a process of another user"
        return f"{self.name} (pid {self.pid}): {self.command}".removesuffix(": ")


def name_holders(holders: tuple[Holder, ...]) -> str:
    """Say which process holds which ports.

    >>> a, b = Holder(5000, 4, "a", "a -x"), Holder(4200, 4, "a", "a -x")
    >>> name_holders((a, b, Holder(1, None, "", "")))
    '4200, 5000 held by a (pid 4): a -x; 1 held by a process of another user'
    """
    ports: dict[str, list[int]] = {}
    for holder in holders:
        ports.setdefault(str(holder), []).append(holder.port)
    held = (f"{', '.join(map(str, sorted(its)))} held by {who}" for who, its in ports.items())
    return "; ".join(held)


def refuse_taken(holders: tuple[Holder, ...]) -> None:
    """Raise when a port that the stack needs is held by somebody else.

    Raises:
        StackError: it names each port and the process that holds it.
    """
    if holders:
        remedy = "End that process, or shift all ports: `perennial up --port-offset 1000`."
        raise StackError("ports", "each is free", name_holders(holders), remedy)
