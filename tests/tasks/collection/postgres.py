"""A PostgreSQL server of the tests' own, where its binaries are."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PASSWORD = "s3cret@/of ann's"  # every sign of it has a meaning in an address
PATIENCE = 60.0


def find_binaries() -> Path | None:
    """Return the folder of initdb and postgres, or None."""
    told = shutil.which("initdb")
    places = [Path(told).parent] if told else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "postgres").exists()), None)


def free_port() -> int:
    """Return a port of loopback at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Postgres:
    """A running server."""

    port: int

    @property
    def address(self) -> str:
        return f"postgresql://ann:s3cret%40%2Fof%20ann's@127.0.0.1:{self.port}/postgres"

    def run(self, *statements: str) -> list[Any]:
        """Run statements as the owner; return the rows of the last."""
        return asyncio.run(self._run(statements))

    async def _run(self, statements: tuple[str, ...]) -> list[Any]:
        import asyncpg

        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.port, user="ann", password=PASSWORD, database="postgres"
        )
        try:
            rows: list[Any] = []
            for statement in statements:
                rows = [tuple(row) for row in await connection.fetch(statement)]
            return rows
        finally:
            await connection.close()


@contextmanager
def serving(binaries: Path) -> Iterator[Postgres]:
    """Yield a server on a free port of loopback, with a user `ann` and her password."""
    folder = Path(tempfile.mkdtemp(prefix="pn-pg-"))
    # It refuses to be run by root.
    owner = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
    (folder / "password").write_text(PASSWORD)
    if owner:
        for path in (folder, folder / "password"):
            shutil.chown(path, **owner)
    server = None
    try:
        made = [binaries / "initdb", "-D", folder / "data", "-U", "ann", "-A", "scram-sha-256"]
        made += ["--no-sync", f"--pwfile={folder / 'password'}", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **owner)
        postgres = Postgres(free_port())
        options = {"port": postgres.port, "listen_addresses": "127.0.0.1", "fsync": "off"}
        told = [f"-c{name}={value}" for name, value in options.items()]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", folder / "data", *told, "-cunix_socket_directories="],
                cwd=folder,
                stdout=log,
                stderr=log,
                **owner,
            )
        _wait(postgres, server, folder / "log")
        yield postgres
    finally:
        if server is not None:
            server.terminate()
            server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(postgres: Postgres, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            postgres.run("SELECT 1")
            return
        except Exception:
            if server.poll() is not None or time.monotonic() > until:
                raise AssertionError(log.read_text()) from None
        time.sleep(0.05)
