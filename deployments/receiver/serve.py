"""The receiver as a process."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence

import uvicorn

from deployments.receiver.announce import Announcer
from deployments.receiver.application import application
from deployments.receiver.forwarder import Forwarder
from mlflow_server.timely import TimelyProtocol
from tasks.errors import ConfigurationError
from tasks.events.gathering import Gathering
from tasks.settings import Settings
from tasks.signatures import Keyring

TOKEN = "PERENNIAL_RECEIVER_TOKEN"  # noqa: S105
SHORTEST = 16  # characters
GRACE = 3  # seconds, for requests under way


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deployments.receiver", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    told = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    # httpx tells of each request at INFO: a line for every event.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        token = read_token(os.environ)
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_status
    bucket = os.environ.get("PERENNIAL_BUCKET") or Settings.bucket
    url = os.environ.get("PREFECT_API_URL") or Settings.prefect_url
    # It has no key of the store, and needs none: it reads names, not objects.
    settings = Settings("", "", "", Keyring(""), bucket=bucket, prefect_url=url)
    # What is refused beyond them, and so not heard, the reconciler finds.
    TimelyProtocol.allow()
    uvicorn.run(
        application(token, bucket, Forwarder(Announcer(settings), Gathering())),
        host=told.host,
        port=told.port,
        http=TimelyProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    return 0


def read_token(environment: Mapping[str, str]) -> str:
    """Return the token that senders must show.

    Raises:
        ConfigurationError: there is none, or one that can be guessed.

    >>> read_token({"PERENNIAL_RECEIVER_TOKEN": "short"})
    Traceback (most recent call last):
    ...
    tasks.errors.ConfigurationError: environment: PERENNIAL_RECEIVER_TOKEN has at least 16 \
characters; got 5. Run `perennial up`, or set it.
    """
    # A secret that comes from a file ends in a line break, which no header can hold.
    token = environment.get(TOKEN, "").strip()
    if len(token) < SHORTEST:
        rule = f"{TOKEN} has at least {SHORTEST} characters"
        raise ConfigurationError("environment", rule, len(token), "Run `perennial up`, or set it.")
    return token
