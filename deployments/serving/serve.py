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
from functools import partial
from pathlib import Path

from deployments.serving.keyfile import VARIABLE, read_keys
from deployments.serving.logs import log_as_json
from deployments.serving.worker import OPEN, WORKERS, log_folder
from tasks.errors import ConfigurationError, PerennialError
from tasks.settings import Settings

# Seconds that requests have to end in, once the server is to stop.
GRACE = 5
# Connections that wait at the socket; the kernel's own limit holds as well.
BACKLOG = 2048
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deployments.serving", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--metrics-port", type=int, default=8082)
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    told = parser.parse_args(arguments)
    log_as_json()
    try:
        settings = Settings.from_environment()
        named = os.environ.get(VARIABLE, "")
        loopback = is_loopback(told.host)
        refuse_open(told.host, bool(named and read_keys(Path(named))))
        os.environ[OPEN] = str(int(loopback))
        serve(settings, told.host, told.port, told.metrics_port, max(1, told.workers))
    except PerennialError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_status
    return 0


def serve(settings: Settings, host: str, port: int, metrics_port: int, workers: int) -> None:
    """Serve until told to stop; a worker that dies is started again within a second.

    What the workers log is shipped from here, beside the requests' processes.
    """
    from deployments.serving.accepting import VARIABLE as SHARES
    from deployments.serving.accepting import Shares
    from deployments.serving.freshness import EVERY, Watching
    from deployments.serving.metrics import prepare_folder, serve_metrics
    from deployments.serving.rounds import Rounds
    from tasks.predictions.ship import Shipped, ship_until

    shipped, stop = Shipped(), threading.Event()
    folder = log_folder(settings)
    times: dict[str, float] = {"every": SHIP_EVERY, "last": LAST_ROUND}
    watching, rounds = Watching(settings), Rounds()
    with tempfile.TemporaryDirectory(prefix="perennial-metrics-") as figures:
        prepare_folder(Path(figures))
        os.environ[WORKERS] = str(workers)
        os.environ[SHARES] = str(Path(figures) / "shares")
        Shares.prepare(Path(os.environ[SHARES]), workers)
        metrics = serve_metrics(host, metrics_port, shipped, watching, rounds)
        # it goes on until told to stop: a round of it ends by a failure alone
        ship = partial(ship_until, stop, settings, folder, shipped=shipped, say=log.warning)
        rounds.begin("shipping", partial(ship, **times), AFTER_A_FAILURE, stop, daemon=False)
        rounds.begin("freshness", watching.look, EVERY, stop)
        try:
            _run(host, port, workers)
        # the workers are gone by now, so the last round ships all that they wrote
        finally:
            stop.set()
            rounds.join("shipping")
            metrics.shutdown()
            metrics.server_close()


def refuse_open(host: str, keys: bool) -> None:
    """Refuse to let everybody in from elsewhere.

    Raises:
        ConfigurationError: the host is not this machine's loopback, and there are no keys.

    >>> refuse_open("127.0.0.1", False)
    >>> refuse_open("0.0.0.0", False)
    Traceback (most recent call last):
    ...
    tasks.errors.ConfigurationError: serving: beyond loopback, API keys are asked for; \
got --host 0.0.0.0. Make keys with `perennial keys add`, and name their file in PERENNIAL_API_KEYS.
    """
    if keys or is_loopback(host):
        return
    rule = "beyond loopback, API keys are asked for"
    remedy = f"Make keys with `perennial keys add`, and name their file in {VARIABLE}."
    raise ConfigurationError("serving", rule, f"--host {host}", remedy)


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


def _run(host: str, port: int, workers: int) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from deployments.serving.protocol import ServingProtocol

    config = uvicorn.Config(
        "deployments.serving.worker:application",
        factory=True,
        host=host,
        port=port,
        workers=workers,
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
    Multiprocess(config, [config.bind_socket()]).run()
