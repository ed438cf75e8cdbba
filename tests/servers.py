"""Real servers for the tests: each on free ports of the loopback address, ended with the test."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import psutil

from deployments.local import certificate, seaweedfs
from deployments.local.environment import OFFLINE
from deployments.local.ports import Ports
from deployments.local.probe import answers
from deployments.local.processes import is_free
from mlflow_server import command as tracking
from mlflow_server.command import ServerSettings
from tasks.errors import StoreError
from tasks.settings import REPOSITORY, Settings
from tasks.signatures import Keyring
from tasks.store.s3 import S3Bucket

# What the tests' servers ask for: the same in every process of a run.
OWNER, VIEWER = "the-owner-of-the-tests", "the-viewer-of-the-tests"
LOGINS = {
    "MLFLOW_TRACKING_USERNAME": "owner",
    "MLFLOW_TRACKING_PASSWORD": OWNER,
    "PREFECT_API_AUTH_STRING": "perennial:of-the-tests",
}
SECRETS = {
    "PERENNIAL_MLFLOW_OWNER": OWNER,
    "PERENNIAL_MLFLOW_VIEWER": VIEWER,
    "PREFECT_SERVER_API_AUTH_STRING": LOGINS["PREFECT_API_AUTH_STRING"],
}
FOREIGN = ("AWS_", "MLFLOW_", "_MLFLOW_", "PREFECT_", "PERENNIAL_", "WEED_")


@dataclass(frozen=True)
class S3:
    """A running SeaweedFS with an empty bucket: `.settings` reaches it."""

    settings: Settings
    ports: Ports


@dataclass(frozen=True)
class Tracking:
    """A running MLflow server: `.uri` reaches it; its artifacts lie in the bucket of `settings`."""

    uri: str
    settings: Settings


@dataclass(frozen=True)
class Serving:
    """A running prediction API: its parent process, its ports, and where it logs to."""

    pid: int
    port: int
    metrics_port: int
    log: Path

    @property
    def workers(self) -> list[psutil.Process]:
        """Its worker processes, oldest first."""
        kept = []
        for one in psutil.Process(self.pid).children():
            with suppress(psutil.NoSuchProcess):
                if "spawn_main" in " ".join(one.cmdline()):
                    kept.append(one)
        return sorted(kept, key=lambda one: one.create_time())

    @property
    def is_whole(self) -> bool:
        """Whether both of its two workers take requests."""
        said = self.log.read_text(errors="replace")
        taking = [f"worker {one.pid} takes requests" in said for one in self.workers]
        return taking == [True, True]


def clean_environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without what steers a vendor's library, plus `more`."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith(FOREIGN)}
    return {**kept, **OFFLINE, **more}


def variables(settings: Settings) -> dict[str, str]:
    """Return the environment by which another process reaches these settings."""
    return {
        "AWS_ENDPOINT_URL": settings.s3_endpoint,
        "AWS_ACCESS_KEY_ID": settings.access_key,
        "AWS_SECRET_ACCESS_KEY": settings.secret_key,
        "PERENNIAL_SIGNING_KEY": settings.keyring.current,
        "PERENNIAL_BUCKET": settings.bucket,
        "PERENNIAL_PIPELINES": str(settings.pipelines),
        "PERENNIAL_HOME": str(settings.home),
        "MLFLOW_TRACKING_URI": settings.mlflow_uri,
        "PREFECT_API_URL": settings.prefect_url,
        **LOGINS,
    }


def poll(holds: Callable[[], bool], seconds: float, what: str, every: float = 0.05) -> None:
    """Wait until `holds()`, asking every `every` seconds; fail with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(every)


def any_free_offset() -> int:
    """Return an offset at which a whole stack fits, and that no living test was given."""
    path = Path(tempfile.gettempdir()) / f"perennial-tests-{os.getuid()}.json"
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        lines = (line.split() for line in file.read().splitlines())
        claims = [(int(pid), int(at)) for pid, at in lines if psutil.pid_exists(int(pid))]
        taken = {port for _, at in claims for port in Ports.shifted(at).by_name().values()}
        offset = next(
            at
            for at in range(9001, 40000, 17)
            if taken.isdisjoint(ports := Ports.shifted(at).by_name().values())
            and all(map(is_free, ports))
        )
        file.truncate(0)
        file.writelines(f"{pid} {at}\n" for pid, at in (*claims, (os.getpid(), offset)))
    return offset


@contextmanager
def running_s3(
    home: Path, tells: str = "", token: str = "", *, again: S3 | None = None
) -> Iterator[S3]:
    """Run SeaweedFS alone, its state under `home`; `tells` is the webhook it tells of objects.

    `again` is one that ended: it is run where it was, with the keys it had.
    """
    for name in ("s3", "run"):
        (home / name).mkdir(parents=True, exist_ok=True)
    keys = {name: secrets.token_hex(16) for name in seaweedfs.SECRETS}
    if again:
        own = {"ACCESS_KEY_ID": "access_key", "SECRET_ACCESS_KEY": "secret_key"}
        keys |= {f"AWS_{name}": getattr(again.settings, field) for name, field in own.items()}
    ports = again.ports if again else Ports.shifted(any_free_offset())
    settings = Settings(
        s3_endpoint=f"http://127.0.0.1:{ports.s3}",
        access_key=keys["AWS_ACCESS_KEY_ID"],
        secret_key=keys["AWS_SECRET_ACCESS_KEY"],
        keyring=Keyring(secrets.token_hex(32)),
        home=home,
    )
    command = seaweedfs.command(home / "s3", home / "run", settings.bucket, ports)
    told = seaweedfs.notifications(tells, token, settings.bucket) if tells else {}
    certificate.ensure(shown := home / "run" / "store.pem")
    environment = {**seaweedfs.environment(keys, shown), **told}
    # told to end, it waits for every connection that a client keeps; what it was told is on disk
    with _running(command, environment, home / "s3.log", patience=1.0) as process:
        poll(lambda: _alive(process) and bucket_is_there(settings), 30, "the bucket")
        yield S3(settings, ports)


@contextmanager
def running_mlflow(home: Path, s3: S3) -> Iterator[Tracking]:
    """Run a real MLflow server, its database under `home`, its artifacts in the bucket of `s3`.

    It takes models from the buckets that `with_bucket` makes for xdist's workers as well, and asks
    for `LOGINS`.
    """
    home.mkdir(parents=True, exist_ok=True)
    ports = Ports.shifted(any_free_offset())
    served = ServerSettings(home, s3.settings.bucket, OWNER, VIEWER, port=ports.mlflow)
    uri = f"http://127.0.0.1:{ports.mlflow}"
    keys = {
        "AWS_ENDPOINT_URL": s3.settings.s3_endpoint,
        "AWS_ACCESS_KEY_ID": s3.settings.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.settings.secret_key,
        "AWS_REGION": s3.settings.region,
    }
    bucket = re.escape(served.bucket)
    ours = {
        name: text.replace(f"//{bucket}/", f"//{bucket}(?:-gw[0-9]+)?/")
        for name, text in tracking.environment(served).items()
    }
    environment = {**keys, **ours, "PYTHONPATH": str(REPOSITORY)}
    with _running(tracking.command(served), environment, home / "mlflow.log") as process:
        poll(lambda: _alive(process) and answers(f"{uri}/health"), 120, "MLflow")
        yield Tracking(uri, replace(s3.settings, mlflow_uri=uri))


@contextmanager
def running_serving(
    settings: Settings,
    log: Path,
    workers: int = 2,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[Serving]:
    """Run the prediction API on a bucket, whether or not anything is in service there."""
    ports = Ports.shifted(any_free_offset())
    listening = ("--port", str(ports.serving), "--metrics-port", str(ports.serving_metrics))
    own = (sys.executable, "-m", "deployments.serving", "--workers", str(workers))
    command = (*own, *listening, *options)
    told = {name: text for name, text in variables(settings).items() if text is not None}
    here = {"PYTHONPATH": str(REPOSITORY), **told, **(environment or {})}
    with _running(command, here, log) as process:
        url = f"http://127.0.0.1:{ports.serving}"
        poll(lambda: _alive(process) and answers(f"{url}/healthz"), 60, "the prediction API")
        yield Serving(process.pid, ports.serving, ports.serving_metrics, log)


def with_bucket(server: S3, name: str) -> S3:
    """Return the same server with a bucket of this name, which is made where it is missing."""
    settings = replace(server.settings, bucket=name)
    client = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        region_name=settings.region,
    )
    client.create_bucket(Bucket=name)
    client.close()
    poll(lambda: bucket_is_there(settings), 30, f"the bucket {name}")
    return replace(server, settings=settings)


def bucket_is_there(settings: Settings) -> bool:
    """Return whether the bucket takes an object; nothing is left of it."""
    try:
        bucket = S3Bucket(settings)
        bucket.put("ready", b"")
        bucket.delete("ready")
    except StoreError:
        return False
    return True


@contextmanager
def _running(
    command: tuple[str, ...], environment: Mapping[str, str], log: Path, patience: float = 10.0
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=clean_environment(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509
        )
    try:
        yield process
    finally:
        _end(process, patience)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _alive(process: subprocess.Popen[bytes]) -> bool:
    status = process.poll()
    assert status is None, f"{process.args!r} ended with {status}"
    return True


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    for signum in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, signum)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
