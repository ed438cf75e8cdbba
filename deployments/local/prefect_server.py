"""How the Prefect server and the worker of the local stack are started."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from deployments.local.environment import HOST
from deployments.local.ports import Ports
from deployments.worker.kind import POOL, WARM, worker_type

ORIGINS = "PREFECT_SERVER_CORS_ALLOWED_ORIGINS"
LEASES = "prefect.server.concurrency.lease_storage.filesystem"
# What was decided stands in the ledger, what was learned in MLflow: here is what ran lately. By
# itself Prefect (3.8) keeps runs, with their tasks and logs, for ever, and events for a week.
RETENTION: Mapping[str, str] = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(7 * 86_400),  # seconds
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P1D",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES": json.dumps(
        {"prefect.flow-run.heartbeat": 3600}
    ),
    # Each batch is a transaction, for which every other writer waits.
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
}


def server_command(ports: Ports) -> tuple[str, ...]:
    """Return the command line of the server, API and page in one process."""
    start = (sys.executable, "-m", "deployments.local.serve_prefect", "server", "start")
    return (*start, "--host", HOST, "--port", str(ports.prefect))


def server_environment(home: Path, ports: Ports, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the server."""
    pages = (f"http://{name}:{ports.prefect}" for name in (HOST, "localhost"))
    login = secrets["PREFECT_SERVER_API_AUTH_STRING"]
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://{HOST}:{ports.prefect}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Who can ask it can start a run, and so code: it asks everybody for this.
        "PREFECT_SERVER_API_AUTH_STRING": login,
        "PREFECT_API_AUTH_STRING": login,
        # A page of another site may neither read the server (CORS) nor change it (CSRF). Of Host
        # and of a websocket's Origin Prefect (3.8) asks nothing: `serve_prefect` does, by these.
        ORIGINS: ",".join(pages),
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        # On disk they let a restarted server free the slots of runs that died with it.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
        "PREFECT_SERVER_ENCRYPTION_KEY": secrets["PREFECT_SERVER_ENCRYPTION_KEY"],
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # The reconciler runs every minute: planned minutes ahead, not a hundred runs at a time.
        "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_RUNS": "2",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT2M",
        **RETENTION,
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_LOGGING_COLORS": "false",
        "DO_NOT_TRACK": "1",
    }


def worker_command(told: str = "") -> tuple[str, ...]:
    """Return the command line of the worker, which makes its pool when there is none.

    `told` is what `PERENNIAL_WORKER` says: `warm`, `process`, or nothing.
    """
    kind = "warm" if worker_type(told) == WARM else "process"
    names = ("--pool", POOL, "--name", "local", "--type", kind)
    return (sys.executable, "-m", "deployments.worker", *names)


def worker_environment(ports: Ports, repository: Path) -> dict[str, str]:
    """Return what the worker and its flows need beyond a client's environment.

    Flow modules are imported from `repository`.
    """
    return {
        "PYTHONPATH": str(repository),
        # Keeps an idle server 4 % of a core busier than Prefect's ten seconds do.
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        # Thirty seconds are the least that Prefect takes.
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
        "PREFECT_WORKER_WEBSERVER_HOST": HOST,
        "PREFECT_WORKER_WEBSERVER_PORT": str(ports.worker),
        "PREFECT_LOGGING_COLORS": "false",
    }
