"""What the environment says, read once into a frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from tasks.errors import ConfigurationError
from tasks.project import REPOSITORY, needed_project  # noqa: F401 (others find the first here)
from tasks.signatures import Keyring

FOLDER = "file://"
SIGNING = "PERENNIAL_SIGNING_KEY"
EARLIER, RETIRED = f"{SIGNING}S_EARLIER", f"{SIGNING}S_RETIRED"  # separated by commas
SIGNING_FILE = f"{SIGNING}S_FILE"


def home_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Return where the local state lies: `PERENNIAL_HOME`, or `.perennial` in the project.

    Raises:
        ConfigurationError: the variable is not set, and one is in no project; as the next two.
    """
    told = (os.environ if environment is None else environment).get("PERENNIAL_HOME")
    return Path(told) if told else needed_project(environment).home


def pipelines_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Return where the pipeline files lie: `PERENNIAL_PIPELINES`, or as the project says."""
    told = (os.environ if environment is None else environment).get("PERENNIAL_PIPELINES")
    return Path(told) if told else needed_project(environment).pipelines


def expectations_folder() -> Path:
    """Return where the project's suites lie."""
    return needed_project().expectations


def bucket_is_folder(environment: Mapping[str, str] | None = None) -> bool:
    """Say whether a folder is the bucket, so that no server belongs to it.

    >>> bucket_is_folder({"PERENNIAL_BUCKET": "file:///tmp/first-look"}), bucket_is_folder({})
    (True, False)
    """
    env = os.environ if environment is None else environment
    return env.get("PERENNIAL_BUCKET", "").startswith(FOLDER)


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
    keyring: Keyring
    bucket: str = "perennial"
    region: str = "us-east-1"
    mlflow_uri: str | None = "http://127.0.0.1:5000"
    prefect_url: str = "http://127.0.0.1:4200/api"
    home: Path = field(default_factory=home_folder)
    pipelines: Path = field(default_factory=pipelines_folder)

    @property
    def folder(self) -> Path | None:
        """The folder that is the bucket, or None where the bucket lies on S3.

        >>> Settings("", "", "", Keyring("a key"), bucket="file:///tmp/first%20look").folder
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
            keyring=read_keyring(env),
            bucket=bucket,
            region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or cls.region,
            mlflow_uri=env.get("MLFLOW_TRACKING_URI", mlflow),
            prefect_url=env.get("PREFECT_API_URL", cls.prefect_url),
            home=home_folder(env),
            pipelines=pipelines_folder(env),
        )


def read_keyring(env: Mapping[str, str]) -> Keyring:
    """Return the keys that an environment tells, or the file of variables that it names.

    The file wins: it is read anew by each run, so that a key that was replaced needs no restart.

    Raises:
        ConfigurationError: there is none that signs, or a line of the file is no variable.

    >>> told = {"PERENNIAL_SIGNING_KEY": "c", "PERENNIAL_SIGNING_KEYS_EARLIER": "a,b"}
    >>> len(read_keyring(told).earlier)
    2
    """
    named, told = env.get(SIGNING_FILE, ""), env
    # where it is not there, or somebody else's, the environment says what was true at its start
    with suppress(OSError):
        text = Path(named).read_text(encoding="utf-8") if named else ""
        told = {**env, **parse_variables(text, named)}
    earlier, retired = (
        tuple(filter(None, told.get(name, "").split(","))) for name in (EARLIER, RETIRED)
    )
    return Keyring(_needed(told, SIGNING), earlier, retired)


def parse_variables(text: str, where: str = "variables") -> dict[str, str]:
    """Return the names and values of a file of `NAME=value` lines.

    Raises:
        ConfigurationError: a line is neither that, nor a comment, nor empty.

    >>> parse_variables("# keys\\nA=1\\n\\nB=x=y\\n")
    {'A': '1', 'B': 'x=y'}
    """
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip() or not value.strip():
            # not the line itself: it may hold a secret
            raise ConfigurationError(where, "each line is NAME=value", f"line {number}")
        found[name.strip()] = value.strip()
    return found


def _needed(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    # compose files hand a variable that is not set on as empty text
    if not value:
        raise ConfigurationError(
            "environment", f"{name} is needed", "nothing", "Run `perennial up`, or set it."
        )
    return value
