"""What a person opens of the local stack, and how she logs in. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.local.environment import HOST
from deployments.local.folder import Memory
from deployments.local.ports import Ports
from mlflow_server.command import PASSWORDS
from mlflow_server.users import OWNER, VIEWER

# What a person is told once, at the end of the first start that goes well with it.
TOLD = ("PREFECT_SERVER_API_AUTH_STRING", *(variable for _, variable in PASSWORDS))
AGAIN = "`perennial status --logins` says it again."


@dataclass(frozen=True)
class Access:
    """The pages, the line that Prefect's asks for, and the passwords of MLflow's users."""

    prefect: str
    mlflow: str
    line: str = field(repr=False)
    owner: str = field(repr=False)
    viewer: str = field(repr=False)

    @property
    def told(self) -> str:
        """The one sentence of it."""
        return (
            f"Open Prefect at {self.prefect}, which asks for {self.line}, and MLflow at "
            f"{self.mlflow}, which asks for the user {OWNER} and the password {self.owner} (or, "
            f"to read alone, {VIEWER} and {self.viewer}); {AGAIN}"
        )

    @property
    def digest(self) -> str:
        """What the logins are known by where they are not to be read."""
        words = (self.line, self.owner, self.viewer)
        return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        users = {OWNER: self.owner, VIEWER: self.viewer}
        return {
            "prefect": {"address": self.prefect, "asks_for": self.line},
            "mlflow": {"address": self.mlflow, "users": users},
        }


def read_access(memory: Memory, secrets: Mapping[str, str]) -> Access:
    """Return how a person gets into the stack that these secrets were generated for."""
    ports = Ports.shifted(memory.offset)
    return Access(
        f"http://{HOST}:{ports.prefect}",
        f"http://{HOST}:{ports.mlflow}",
        *(secrets[name] for name in TOLD),
    )
