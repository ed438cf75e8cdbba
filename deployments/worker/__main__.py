"""Start a worker: `python -m deployments.worker --pool perennial --name local`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from deployments.worker.kind import TYPES
from tasks.project import REPOSITORY


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve a work pool until SIGTERM or SIGINT; `/health` answers at the worker's web address."""
    parser = argparse.ArgumentParser(prog="python -m deployments.worker")
    parser.add_argument("--pool", required=True, help="the work pool, made when there is none")
    parser.add_argument("--name", required=True, help="the worker's name")
    parser.add_argument("--type", choices=TYPES, default="warm", help="how a run is started")
    parser.add_argument("--limit", type=int, help="how many flow runs at once; default: any")
    parser.add_argument("--preload", help="modules to import instead of all, with commas")
    told = parser.parse_args(arguments)

    from prefect.settings import get_current_settings
    from prefect.utilities.processutils import setup_signal_handlers_worker

    from deployments.worker.closed import ClosedWorker

    if not sys.flags.safe_path:
        sys.path[0] = str(REPOSITORY)  # where the worker was started is not where a run is
    # A profile's settings become variables here, so that a run finds its own read already.
    os.environ.update(get_current_settings().to_environment_variables(exclude_unset=True))
    setup_signal_handlers_worker(os.getpid(), "the worker", print)
    more = {"name": told.name, "limit": told.limit}
    if told.type == "warm":
        from deployments.worker.modules import choose
        from deployments.worker.warm import WarmWorker

        chosen = None if told.preload is None else choose(filter(None, told.preload.split(",")))
        worker: ClosedWorker = WarmWorker(told.pool, preload=chosen, **more)
    else:
        worker = ClosedWorker(told.pool, **more)
    with suppress(KeyboardInterrupt):
        asyncio.run(worker.start(with_healthcheck=True))


if __name__ == "__main__":
    main()
