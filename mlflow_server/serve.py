"""Be the tracking server, in this one process.

`mlflow server` imports MLflow twice, in itself and in the uvicorn it starts: twice the seconds,
270 MB more, and a child that keeps the port when its parent is killed.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress

from mlflow_server.command import ORIGINS, PASSWORDS
from mlflow_server.doors import KnownNames
from mlflow_server.users import MOVED, OWNER, Move, User, Users, write_move

ARTIFACTS = "mlflow-artifacts:/"


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to stop; the database is made or brought up to date first.

    The users' passwords, and the origins of its own pages, come by the environment.
    """
    parser = argparse.ArgumentParser(prog="python -m mlflow_server.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--backend-store-uri", required=True)
    parser.add_argument("--artifacts-destination", required=True)
    told = parser.parse_args(arguments)
    users = [User(name, os.environ.get(given, ""), name == OWNER) for name, given in PASSWORDS]
    if not all(user.password for user in users):
        sys.exit(f"MLflow is not started without {' and '.join(given for _, given in PASSWORDS)}.")

    import uvicorn
    from mlflow.server import constants

    # What `mlflow server` sets for the child that it starts: the handlers read nothing else.
    os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = told.backend_store_uri
    os.environ[constants.REGISTRY_STORE_URI_ENV_VAR] = told.backend_store_uri
    os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = ARTIFACTS
    os.environ[constants.ARTIFACTS_DESTINATION_ENV_VAR] = told.artifacts_destination
    os.environ[constants.SERVE_ARTIFACTS_ENV_VAR] = "true"

    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    from mlflow_server.timely import TimelyProtocol

    # Made or migrated before the port opens, not by the first requests at once.
    initialize_backend_stores(told.backend_store_uri, told.backend_store_uri, ARTIFACTS)
    guarded = KnownNames(Users(app, users, note_move), os.environ[ORIGINS].split(","))
    TimelyProtocol.allow()
    uvicorn.run(
        guarded,
        host=told.host,
        port=told.port,
        http=TimelyProtocol,
        access_log=False,
        timeout_graceful_shutdown=5,
    )


def note_move(model: str, move: Move) -> None:
    """Write who moves an alias beside its registered model, if there is one."""
    from mlflow.entities.model_registry import RegisteredModelTag
    from mlflow.exceptions import MlflowException
    from mlflow.server.handlers import _get_model_registry_store

    with suppress(MlflowException):
        store = _get_model_registry_store()
        store.set_registered_model_tag(model, RegisteredModelTag(MOVED, write_move(move)))


if __name__ == "__main__":
    main()
