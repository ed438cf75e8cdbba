"""A real Prefect server and a real worker for the tests, as the local stack starts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployments.local.ports import Ports
from deployments.local.prefect_server import (
    server_command,
    server_environment,
    worker_command,
    worker_environment,
)
from deployments.local.secrets import GENERATORS
from tasks.settings import REPOSITORY, Settings
from tasks.signatures import Keyring
from tests.servers import LOGINS, _alive, _running, answers, any_free_offset, poll


@dataclass(frozen=True)
class Orchestrator:
    """A running Prefect server: `.settings.prefect_url` reaches it."""

    settings: Settings
    ports: Ports
    home: Path


@contextmanager
def running_prefect(home: Path, more: Mapping[str, str] | None = None) -> Iterator[Orchestrator]:
    """Run a Prefect server on SQLite, its state under `home`, with `more` in its environment."""
    home.mkdir(parents=True, exist_ok=True)
    ports = Ports.shifted(any_free_offset())
    url = f"http://127.0.0.1:{ports.prefect}/api"
    settings = Settings(
        "http://127.0.0.1:1", "none", "none", Keyring("none"), prefect_url=url, home=home
    )
    key = "PREFECT_SERVER_ENCRYPTION_KEY"
    login = LOGINS["PREFECT_API_AUTH_STRING"]
    keys = {key: GENERATORS[key](), "PREFECT_SERVER_API_AUTH_STRING": login}
    environment = {
        **server_environment(home / "prefect", ports, keys),
        "PYTHONPATH": str(REPOSITORY),
        **(more or {}),
    }
    with _running(server_command(ports), environment, home / "prefect.log") as process:
        poll(lambda: _alive(process) and answers(f"{url}/health"), 120, "Prefect")
        yield Orchestrator(settings, ports, home)


@contextmanager
def running_worker(server: Orchestrator, more: Mapping[str, str] | None = None) -> Iterator[None]:
    """Run a worker far from the repository: only PYTHONPATH leads there.

    It preloads what the tests' own flows need, and not what ours do.
    """
    command = worker_command()
    if "deployments.worker" in command:
        command = (*command, "--preload", "tests.deployments.apply.greeting")
    environment = {
        **worker_environment(server.ports, REPOSITORY),
        "PREFECT_HOME": str(server.home / "worker"),
        "PREFECT_API_URL": server.settings.prefect_url,
        **LOGINS,
        **(more or {}),
    }
    health = f"http://127.0.0.1:{server.ports.worker}/health"
    with _running(command, environment, server.home / "worker.log") as process:
        poll(lambda: _alive(process) and answers(health), 60, "the worker")
        yield
