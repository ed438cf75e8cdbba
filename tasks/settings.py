"""What the environment says, read once into a frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from tasks.errors import ConfigurationError

FOLDER = "file://"
REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """The addresses and credentials every part works with.

    `bucket` is a name on S3, or `file:///folder`: then no credentials are needed, and MLflow is
    used only where its address is told.
    """

    # secrets are kept out of `repr`: no log line and no traceback may show one
    s3_endpoint: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    signing_key: str = field(repr=False)
    bucket: str = "perennial"
    region: str = "us-east-1"
    mlflow_uri: str | None = "http://127.0.0.1:5000"
    prefect_url: str = "http://127.0.0.1:4200/api"
    home: Path = REPOSITORY / ".perennial"
    pipelines: Path = REPOSITORY / "deployments" / "pipelines"

    @property
    def folder(self) -> Path | None:
        """The folder that is the bucket, or None where the bucket lies on S3.

        >>> Settings("", "", "", "key", bucket="file:///tmp/first%20look").folder
        PosixPath('/tmp/first look')
        """
        if not self.bucket.startswith(FOLDER):
            return None
        return Path(unquote(self.bucket.removeprefix(FOLDER)))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; the vendors' own names are used for what is theirs.

        Raises:
            ConfigurationError: a variable without a default is not set.

        >>> Settings.from_environment({"AWS_ENDPOINT_URL": "http://127.0.0.1:8333"})
        Traceback (most recent call last):
        ...
        tasks.errors.ConfigurationError: environment: AWS_ACCESS_KEY_ID is needed; got nothing. \
Run `perennial up`, or set it.
        """
        env = os.environ if environment is None else environment
        bucket = env.get("PERENNIAL_BUCKET", cls.bucket)
        in_folder = bucket.startswith(FOLDER)
        read = env.get if in_folder else partial(_needed, env)
        mlflow = None if in_folder else cls.mlflow_uri
        return cls(
            s3_endpoint=read("AWS_ENDPOINT_URL") or "",
            access_key=read("AWS_ACCESS_KEY_ID") or "",
            secret_key=read("AWS_SECRET_ACCESS_KEY") or "",
            signing_key=_needed(env, "PERENNIAL_SIGNING_KEY"),
            bucket=bucket,
            region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or cls.region,
            mlflow_uri=env.get("MLFLOW_TRACKING_URI", mlflow),
            prefect_url=env.get("PREFECT_API_URL", cls.prefect_url),
            home=Path(env.get("PERENNIAL_HOME", cls.home)),
            pipelines=Path(env.get("PERENNIAL_PIPELINES", cls.pipelines)),
        )


def _needed(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    # compose files hand a variable that is not set on as empty text
    if not value:
        raise ConfigurationError(
            "environment", f"{name} is needed", "nothing", "Run `perennial up`, or set it."
        )
    return value


def home_folder() -> Path:
    """Return where the local state lies: `PERENNIAL_HOME`, or `.perennial` in the repository."""
    return Path(os.environ.get("PERENNIAL_HOME", Settings.home))


def pipelines_folder() -> Path:
    """Return where the pipeline files lie: `PERENNIAL_PIPELINES`, or the repository's own."""
    return Path(os.environ.get("PERENNIAL_PIPELINES", Settings.pipelines))
