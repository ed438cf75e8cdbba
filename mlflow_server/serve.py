"""Be the tracking server, in this one process.

`mlflow server` imports MLflow twice, in itself and in the uvicorn it starts: twice the seconds,
270 MB more, and a child that keeps the port when its parent is killed.
"""

from __future__ import annotations

import argparse
import os

ARTIFACTS = "mlflow-artifacts:/"


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to stop; the database is made or brought up to date first."""
    parser = argparse.ArgumentParser(prog="python -m mlflow_server.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--backend-store-uri", required=True)
    parser.add_argument("--artifacts-destination", required=True)
    told = parser.parse_args(arguments)

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

    # Made or migrated before the port opens, not by the first requests at once.
    initialize_backend_stores(told.backend_store_uri, told.backend_store_uri, ARTIFACTS)
    uvicorn.run(app, host=told.host, port=told.port, access_log=False, timeout_graceful_shutdown=5)


if __name__ == "__main__":
    main()
