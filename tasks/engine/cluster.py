"""Reaching a Dask cluster, or starting one for a run: the door of `distributed`."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dask

from tasks.engine.address import EngineAddress
from tasks.engine.makeup import Makeup, find_differences, tell_makeup
from tasks.engine.probe import probe
from tasks.errors import ConfigurationError, EngineError, bounded

CONNECT = 10.0  # seconds
WORKERS = 30.0  # seconds until one has joined
# Dask's own names of what it reads its certificates from, and their variables.
CERTIFICATES: Mapping[str, str] = {
    "distributed.comm.tls.ca-file": "DASK_DISTRIBUTED__COMM__TLS__CA_FILE",
    "distributed.comm.tls.client.cert": "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT",
    "distributed.comm.tls.client.key": "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY",
}
# Its loggers write tracebacks of their own to the terminal; what matters is raised, and told once.
QUIET = dict.fromkeys(("distributed", "distributed.client", "distributed.worker"), "critical")
# Nothing is shown over HTTP: the servers that Dask starts for its pages have no page.
PAGELESS: Mapping[str, list[str]] = {
    f"distributed.{role}.http.routes": [] for role in ("scheduler", "worker")
}


@contextmanager
def connect(address: EngineAddress) -> Iterator[Any]:
    """Yield a client of the scheduler there, or of a cluster started for the block.

    Raises:
        EngineError: no scheduler answers, it has no workers, or they are made up differently.
        ConfigurationError: certificates are needed and not told.
    """
    # read when `distributed` is imported, and not later
    dask.config.set({"logging": QUIET})
    from distributed import Client

    where, own = f"engine {address.text}", address.url is None
    with _own_cluster(where) if own else _known(address) as (target, security):
        try:
            if address.url is not None:
                probe(address.url, _context(security), CONNECT)
            with warnings.catch_warnings():
                # of versions: those are compared below, and refused
                warnings.simplefilter("ignore")
                client = Client(target, security=security, timeout=CONNECT, set_as_default=False)
        # what is no Dask answers in any way, and Dask breaks on it in any way
        except Exception as error:
            rule, remedy = "a Dask scheduler answers", "Start it, or mend the address."
            raise EngineError(where, rule, _name(error), remedy) from error
        try:
            _check_workers(client, where)
            yield client
        finally:
            client.close(timeout=CONNECT)


def _check_workers(client: Any, where: str) -> None:
    """Refuse a cluster without workers, or with one of another makeup."""
    try:
        client.wait_for_workers(1, timeout=WORKERS)
    except TimeoutError as error:
        remedy = "Start some: `dask worker ADDRESS`."
        raise EngineError(where, "it has workers", "none", remedy) from error
    own, told = tell_makeup(), client.run(tell_makeup, on_error="return")
    for worker, makeup in sorted(told.items()):
        other: Makeup | BaseException = makeup
        came = _name(other) if isinstance(other, BaseException) else find_differences(own, other)
        if came:
            rule = f"the worker {worker} has this Python, lock and code"
            remedy = "Install the same lock and code there."
            raise EngineError(where, rule, came, remedy)


def _context(security: Any) -> Any:
    return security and security.get_connection_args("client")["ssl_context"]


def _name(error: BaseException) -> str:
    return bounded(f"{type(error).__name__}: {error}", 300)


@contextmanager
def _own_cluster(where: str) -> Iterator[tuple[Any, Any]]:
    """Start a process a processor, on loopback, behind certificates made for the block."""
    from distributed import LocalCluster, Security
    from joblib import cpu_count  # type: ignore[import-untyped]

    # a scheduler computes whatever it is sent, and loopback is open to everybody on the machine
    security = Security.temporary()
    with tempfile.TemporaryDirectory(prefix="perennial-dask-") as scratch:
        try:
            with dask.config.set(PAGELESS):
                cluster = LocalCluster(
                    n_workers=int(cpu_count()),
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    protocol="tls",
                    security=security,
                    dashboard_address=None,
                    worker_dashboard_address=None,
                    scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                    local_directory=scratch,
                    silence_logs=logging.CRITICAL,
                )
        except (OSError, RuntimeError, TimeoutError) as error:
            rule, remedy = "its processes start on this machine", "Free memory, or take local."
            raise EngineError(where, rule, _name(error), remedy) from error
        try:
            yield cluster, security
        finally:
            cluster.close(timeout=CONNECT)


@contextmanager
def _known(address: EngineAddress) -> Iterator[tuple[Any, Any]]:
    """Yield a scheduler's address, and what is needed to reach it."""
    from distributed import Security

    if not address.encrypted:
        yield address.url, None
        return
    missing = [variable for key, variable in CERTIFICATES.items() if not dask.config.get(key, None)]
    if missing:
        rule, listed = "certificates for TLS are told", f"no {', '.join(missing)}"
        remedy = "Set the variables to the paths of the files."
        raise ConfigurationError(f"engine {address.text}", rule, listed, remedy)
    yield address.url, Security(require_encryption=True)
