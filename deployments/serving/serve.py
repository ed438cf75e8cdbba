"""The prediction API as a process: a parent that holds the socket, and its workers."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import gethostname

from deployments.serving.hosts import ALLOWED, ANY, Hosts
from deployments.serving.keyfile import KEY_FILE, read_keys
from deployments.serving.logs import log_as_json
from deployments.serving.worker import DRAIN, OPEN, WORKERS, log_folder
from mlflow_server.timely import CONNECTIONS
from tasks.errors import ConfigurationError, PerennialError
from tasks.settings import Settings

# Seconds that requests have to end in, once the server is to stop.
GRACE = 5
# Connections that wait at the socket; the kernel's own limit holds as well.
BACKLOG = 2048
# Seconds for which a server that is to stop is not ready, and answers.
DRAIN_SECONDS = 1.0
# Seconds that an idle connection is kept: longer than load balancers reuse one.
KEEP_ALIVE = 75
# Seconds until a worker that does not answer its parent is killed: loading a model is no death.
UNHURRIED = 60
# Seconds between two shipments of the log, and for the last one.
SHIP_EVERY = 15.0
LAST_ROUND = 5.0
# Seconds until what failed altogether is begun again.
AFTER_A_FAILURE = 1.0
log = logging.getLogger("perennial.serving")


@dataclass(frozen=True)
class Listening:
    """Where the API and its figures listen, under which names, and how many workers answer.

    `connections` are those that each worker holds at most, `drain` the seconds for which a server
    that is to stop says so before it takes no more.
    """

    host: str
    port: int
    metrics_host: str
    metrics_port: int
    workers: int
    connections: int
    drain: float
    names: Sequence[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return the exit status."""
    told = _parser().parse_args(arguments)
    log_as_json()
    try:
        settings = Settings.from_environment()
        named = os.environ.get(KEY_FILE, "")
        given = os.environ.get(ALLOWED, "").split(",")
        added = [name for name in (*given, *told.allow_host) if name]
        refuse_open(told.host, added, bool(named and read_keys(Path(named))))
        os.environ[OPEN] = str(int(is_loopback(told.host) and not added))
        names = [*added, told.host, gethostname()]
        where = (told.host, told.port, told.metrics_host, told.metrics_port)
        how = (max(1, told.workers), told.connections, told.drain)
        serve(settings, Listening(*where, *how, names))
    except PerennialError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_status
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.serving", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    # the figures have no keys, so they are told beyond this machine only where that was asked for
    parser.add_argument("--metrics-host", default="127.0.0.1")
    parser.add_argument("--metrics-port", type=int, default=8082)
    text = "a name that requests come under, beside localhost, this machine's and any address; "
    more = f"repeatable, or in {ALLOWED} with commas; {ANY} for all"
    parser.add_argument("--allow-host", action="append", default=[], help=text + more)
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    text = "connections of each worker; one more takes the place of one that asks nothing"
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help=text)
    text = "seconds for which readiness says 503 before a stop: as long as whoever asks takes"
    parser.add_argument("--drain", type=float, default=DRAIN_SECONDS, help=text)
    return parser


def serve(settings: Settings, listening: Listening) -> None:
    """Serve until told to stop; a worker that dies is started again within a second.

    What the workers log is shipped from here, beside the requests' processes.
    """
    from deployments.serving.accepting import CONNECTIONS as MOST
    from deployments.serving.accepting import VARIABLE as SHARES
    from deployments.serving.accepting import Shares
    from deployments.serving.exposing import Exposing
    from deployments.serving.freshness import EVERY, Watching
    from deployments.serving.metrics import FIGURES, exposition
    from deployments.serving.rounds import Rounds
    from tasks.predictions.ship import Shipped, ship_until

    shipped, stop = Shipped(), threading.Event()
    folder = log_folder(settings)
    times: dict[str, float] = {"every": SHIP_EVERY, "last": LAST_ROUND}
    watching, rounds = Watching(settings), Rounds()
    with tempfile.TemporaryDirectory(prefix="perennial-metrics-") as figures:
        os.environ[FIGURES] = figures
        os.environ[WORKERS] = str(listening.workers)
        os.environ[DRAIN] = str(listening.drain)
        os.environ[MOST] = str(listening.connections)
        os.environ[ALLOWED] = ",".join(listening.names)
        os.environ[SHARES] = str(Path(figures) / "shares")
        Shares.prepare(Path(os.environ[SHARES]), listening.workers)
        told, hosts = exposition(shipped, watching, rounds), Hosts(listening.names)
        exposed = Exposing(listening.metrics_host, listening.metrics_port, told, hosts)
        # it goes on until told to stop: a round of it ends by a failure alone
        ship = partial(ship_until, stop, settings, folder, shipped=shipped, say=log.warning)
        rounds.begin("shipping", partial(ship, **times), AFTER_A_FAILURE, stop, daemon=False)
        rounds.begin("freshness", watching.look, EVERY, stop)
        rounds.begin("figures", exposed.serve_forever, AFTER_A_FAILURE, stop)
        try:
            _run(listening)
        # the workers are gone by now, so the last round ships all that they wrote
        finally:
            stop.set()
            rounds.join("shipping")
            exposed.shutdown()
            exposed.server_close()


def refuse_open(host: str, names: Sequence[str], keys: bool) -> None:
    """Refuse to let everybody in from elsewhere: at another host, or through a proxy.

    Raises:
        ConfigurationError: the host is not this machine's loopback, or names are added, and there
            are no keys.

    >>> refuse_open("127.0.0.1", [], False)
    >>> refuse_open("127.0.0.1", ["a.example"], False)
    Traceback (most recent call last):
    ...
    tasks.errors.ConfigurationError: serving: beyond loopback, API keys are asked for; \
got --allow-host a.example. Make keys with `perennial keys add`, and name their file in \
PERENNIAL_API_KEYS.
    """
    beyond = [] if is_loopback(host) else [f"--host {host}"]
    # whoever asks under another name comes through a proxy, from this machine by all appearance
    beyond += [f"--allow-host {name}" for name in names]
    if keys or not beyond:
        return
    rule = "beyond loopback, API keys are asked for"
    remedy = f"Make keys with `perennial keys add`, and name their file in {KEY_FILE}."
    raise ConfigurationError("serving", rule, beyond[0], remedy)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a host.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("10.0.0.1")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _run(listening: Listening) -> None:
    import uvicorn

    from deployments.serving.parent import Parent
    from deployments.serving.protocol import ServingProtocol

    config = uvicorn.Config(
        "deployments.serving.worker:application",
        factory=True,
        host=listening.host,
        port=listening.port,
        workers=listening.workers,
        http=ServingProtocol,
        loop="deployments.serving.accepting:ServingLoop",
        ws="none",
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        log_config=None,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=UNHURRIED,
    )
    Parent(config, [config.bind_socket()]).run()
