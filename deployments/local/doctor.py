"""Named checks of the machine and of the servers, each with what to do when it fails."""

from __future__ import annotations

import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from deployments.local.environment import MLFLOW, PREFECT
from deployments.local.folder import Folder
from deployments.local.ports import Holder, name_holders
from deployments.local.status import StackStatus
from tasks.errors import PerennialError, PreconditionFailed
from tasks.settings import Settings
from tasks.store.layout import result
from tasks.store.room import REMEDY, look_at_disk

if TYPE_CHECKING:
    import httpx

SUITABLE = ((3, 11), (3, 14))  # from, and below
LEAST_FREE = 5 * 1024**3
MOST_SKEW = 5.0  # seconds
PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;\\]+)\s*(?:;(?P<marker>[^\\]*))?")
UP = "Run `perennial up`."


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: whether it is well, what was found, what to do if not."""

    name: str
    passed: bool
    detail: str
    remedy: str = ""


def report_check(name: str, passed: bool, detail: str, remedy: str) -> Check:
    """Return a check that says what to do only when it failed.

    >>> report_check("disk", True, "9 GiB", "Free some.").remedy
    ''
    """
    return Check(name, passed, detail, "" if passed else remedy)


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> Check:
    """Check the interpreter.

    >>> check_python((3, 10)).passed, check_python((3, 11)).passed
    (False, True)
    """
    low, high = SUITABLE
    remedy = "Install Python 3.11, 3.12 or 3.13; then `make clean` and `make run`."
    named = f"Python {version[0]}.{version[1]}"
    return report_check("python", low <= version < high, named, remedy)


def check_versions(lock: Path) -> Check:
    """Check every installed package against the project's lock file."""
    try:
        pinned = pins(lock.read_text("utf-8"))
    except OSError as error:
        detail = f"{lock}: {error.strerror}"
        return report_check("versions", False, detail, "Write one, as the project's README says.")
    installed = metadata.distributions()
    present = {str(canonicalize_name(package.name)): package.version for package in installed}
    found = list(find_differing(pinned, present))
    detail = f"{len(pinned)} as locked"
    if found:
        named = f"{'; '.join(found[:5])}{' …' if len(found) > 5 else ''}"
        detail = f"{len(found)} of {len(pinned)} differ: {named}"
    remedy = f"Install {lock.name} anew; in a clone: `make clean`, then `make run`."
    return report_check("versions", not found, detail, remedy)


def pins(text: str) -> dict[str, str]:
    """Return the version of each package that a lock file pins for this interpreter."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        pin = PIN.match(line)
        # A pin of another platform, or of another Python, stands beside ours.
        if pin and (not pin["marker"] or Marker(pin["marker"].strip()).evaluate()):
            found[canonicalize_name(pin["name"])] = pin["version"]
    return found


def find_differing(pinned: Mapping[str, str], present: Mapping[str, str]) -> Iterator[str]:
    """Yield, for people, each package that is missing or of another version."""
    for name, version in sorted(pinned.items()):
        came = present.get(name, "missing")
        if came != version:
            yield f"{name} is {came}, locked {version}"


def check_ports(taken: tuple[Holder, ...], needed: int) -> Check:
    """Check that no stranger holds a port.

    >>> check_ports((), 12).detail
    '12 ports are free or ours'
    """
    detail = name_holders(taken) or f"{needed} ports are free or ours"
    remedy = "End that process, or run `perennial up --port-offset 1000`."
    return report_check("ports", not taken, detail, remedy)


def check_processes(status: StackStatus) -> Check:
    """Check that every process of the stack is up."""
    missing = [
        f"{program.name} is {program.state}" for program in status.programs if program.state != "up"
    ]
    down = len(missing) == len(status.programs)
    detail = "the stack is down" if down else ", ".join(missing) or "all up"
    return report_check("processes", not missing, detail, UP)


def check_disk(folder: Folder) -> Check:
    """Check that the disk of the state has 5 GiB left, and a fifth of all it holds."""
    # Before the first `up` the home is not there; its disk is that of the nearest folder above.
    there = next(path for path in (folder.root, *folder.root.parents) if path.exists())
    room = look_at_disk(there)
    detail = str(room) if room.scarce else f"{room.free / 1024**3:.1f} GiB free at {there}"
    remedy = f"{REMEDY} Or set PERENNIAL_HOME to another disk."
    return report_check("disk", room.free >= LEAST_FREE and not room.scarce, detail, remedy)


def check_clock(settings: Settings) -> Check:
    """Check this machine's clock against the store's, which refuses requests 15 minutes off."""
    # Asked without keys, a store says 403, and the time all the same.
    answer = _get(settings.s3_endpoint)
    try:
        date = parsedate_to_datetime("" if answer is None else answer.headers["Date"])
    except (KeyError, ValueError):
        return report_check("clock", False, f"no answer from {settings.s3_endpoint}", UP)
    skew = abs(time.time() - date.timestamp())
    remedy = "Set the clock; turn time synchronisation on."
    return report_check("clock", skew <= MOST_SKEW, f"{skew:.0f} s from the store's", remedy)


def check_store(settings: Settings) -> Check:
    """Write, read, write again on conditions, and remove one object."""
    from tasks.store.connect import open_bucket

    # A name of its own: two doctors at once must not meet each other's object.
    key = result(f"doctor-{secrets.token_hex(8)}", "round-trip")
    # Old SeaweedFS kept boto3's checksum trailers (1.36 on) inside the object: bytes are compared.
    data = secrets.token_bytes(64 * 1024)
    remedy = f"{UP} If it is up, check the keys and whether the store knows conditional writes."
    try:
        bucket = open_bucket(settings)
        first = bucket.put(key, data, if_absent=True)
        same = bucket.get(key) == data
        twice = _refuses(lambda: bucket.put(key, data, if_absent=True))
        bucket.put(key, data[:100], if_match=first.etag)
        stale = _refuses(lambda: bucket.put(key, data, if_match=first.etag))
        bucket.delete(key)
    except PerennialError as error:
        return report_check("store", False, str(error), remedy)
    told = {
        "the bytes came back changed": same,
        "If-None-Match is ignored": twice,
        "If-Match is ignored": stale,
    }
    wrong = [text for text, well in told.items() if not well]
    detail = "; ".join(wrong) or f"{bucket.where}: round trip and conditional writes work"
    return report_check("store", not wrong, detail, remedy)


def check_bucket(settings: Settings) -> tuple[Check, ...]:
    """Check the store and, where it is well, what the pipelines have stored there."""
    store = check_store(settings)
    return (store, *(check_formats(settings) if store.passed else ()))


def check_formats(settings: Settings) -> tuple[Check, ...]:
    """Check, for each pipeline of the bucket, that this release can read what is stored."""
    from tasks.reconciliation.readable import find_unreadable
    from tasks.store.connect import open_bucket
    from tasks.store.layout import is_name
    from tasks.workspace import Place

    bucket, checks = open_bucket(settings), []
    for name in filter(is_name, bucket.folders()):
        problems = find_unreadable(Place(bucket, name, settings.keyring))
        detail = " ".join(problems) or "this release reads what is stored"
        remedy = "Do what is said there, or use the release that wrote it."
        checks.append(report_check(f"formats of {name}", not problems, detail, remedy))
    return tuple(checks)


def check_mlflow(settings: Settings, environment: Mapping[str, str]) -> Check:
    """Check that MLflow lets us in, in the version of the client."""
    server = settings.mlflow_uri
    if server is None:
        return report_check("mlflow", True, "none is named: runs are not tracked", "")
    login = tuple(environment.get(name, "") for name in MLFLOW[1:])
    return _check_version("mlflow", server, f"{server}/version", login)


def check_prefect(settings: Settings, environment: Mapping[str, str]) -> Check:
    """Check that Prefect lets us in, in the version of the client."""
    server = settings.prefect_url
    user, _, password = environment.get(PREFECT[1], "").partition(":")
    return _check_version("prefect", server, f"{server}/admin/version", (user, password))


def _check_version(package: str, server: str, address: str, login: tuple[str, ...]) -> Check:
    ours, answer = metadata.version(package), _get(address, login)
    if answer is not None and answer.status_code in (401, 403):
        names = ", ".join((PREFECT if package == "prefect" else MLFLOW)[1:])
        remedy = f"Set {names} to the server's own."
        return report_check(package, False, f"{server} does not let us in", remedy)
    if answer is None or not answer.is_success:
        return report_check(package, False, f"no answer from {server}", UP)
    # MLflow answers with plain text, Prefect with a JSON string.
    text = answer.text.strip().strip('"')
    came = text if re.fullmatch(r"[\w.+]+", text) else f"not {package}"
    detail = f"{came} at {server}" + ("" if came == ours else f", the client is {ours}")
    return report_check(package, came == ours, detail, f"Run {package} {ours} on the server.")


def _refuses(write: Callable[[], object]) -> bool:
    try:
        write()
    except PreconditionFailed:
        return True
    return False


def _get(url: str, login: tuple[str, ...] = ()) -> httpx.Response | None:
    import httpx

    shown = httpx.BasicAuth(*login) if any(login) else None
    with suppress(httpx.HTTPError, httpx.InvalidURL):
        return httpx.get(url, timeout=5, follow_redirects=True, auth=shown)
    return None
