"""Where the local stack keeps its state, and the few facts it remembers between commands."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import replace as with_changes
from pathlib import Path

from deployments.worker.kind import worker_type
from tasks.errors import ConfigurationError, StackError
from tasks.project import VARIABLE as PROJECT
from tasks.settings import Settings
from tasks.store.room import STORE

LONGEST_SOCKET = 100  # bytes: macOS allows 104, Linux 108
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class Folder:
    """The paths below one home; two homes are two stacks that know nothing of each other."""

    root: Path

    @classmethod
    def at(cls, home: Path) -> Folder:
        # Spelled in one way, for the path is the mark that the stack's processes are found by.
        return cls(home.expanduser().resolve())

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.env"

    @property
    def memory(self) -> Path:
        return self.root / "stack.json"

    @property
    def s3(self) -> Path:
        return self.root / STORE

    @property
    def prefect(self) -> Path:
        return self.root / "prefect"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def wanted(self) -> Path:
        """The file that is there while the stack ought to run."""
        return self.run / "wanted"

    @property
    def certificate(self) -> Path:
        """What the object store's parts show each other, with its key."""
        return self.run / "store.pem"

    @property
    def sockets(self) -> Path:
        """Where sockets lie: a socket's path holds about 100 characters, a home's may be longer."""
        if len(os.fsencode(self.run)) + len("/supervisor.sock.12345") <= LONGEST_SOCKET:
            return self.run
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"perennial-{os.getuid()}-{name}"

    def log(self, program: str) -> Path:
        """Return the file that one program writes its log to."""
        return self.logs / f"{program}.log"

    def make(self) -> None:
        """Create what is missing, closed to other users.

        Raises:
            StackError: a folder cannot be created, or the one for sockets is somebody else's.
        """
        for path in (self.root, self.s3, self.prefect, self.logs, self.run, self.sockets):
            make_closed(path)
        # In the common temporary folder, somebody else may have made it, or a link of that name.
        found = self.sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            rule = "the folder of the sockets belongs to you"
            raise StackError(str(self.sockets), rule, f"uid {found.st_uid}", "Remove it.")


def make_closed(path: Path) -> None:
    """Create a folder, closed to other users, where it is not there.

    Raises:
        StackError: it cannot be created.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        remedy = "Free the path, or set PERENNIAL_HOME to a folder that you may write."
        raise StackError(str(path), "it is a folder", error.strerror, remedy) from error


@dataclass(frozen=True)
class Memory:
    """What `up` was told, so that later commands find the same stack."""

    offset: int = 0
    bucket: str = Settings.bucket
    pipelines: str = ""
    worker: str = ""
    project: str = ""
    signed: bool = False  # pointers of a release that signed none were looked for
    told: str = ""  # the digest of the logins that a person was told


def recall(folder: Folder) -> Memory:
    """Return what the last `up` was told; the defaults where there was none.

    Raises:
        StackError: the file is damaged.
    """
    try:
        document = json.loads(folder.memory.read_text("utf-8"))
        told = {name: str(document[name]) for name in ("bucket", "pipelines")}
        # Earlier releases remembered none of these.
        later = {name: str(document.get(name, "")) for name in ("worker", "project", "told")}
        signed = document.get("signed") is True
        return Memory(int(document["offset"]), **told, **later, signed=signed)
    except FileNotFoundError:
        return Memory()
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(
            str(folder.memory), "it holds offset, bucket and pipelines", error, "Remove the file."
        ) from error


def update_memory(memory: Memory, offset: int | None, environment: Mapping[str, str]) -> Memory:
    """Return `memory` with what this command and its environment say instead.

    Raises:
        ConfigurationError: no bucket can have that name, or there is no such worker.

    >>> update_memory(Memory(7), None, {"PERENNIAL_BUCKET": "mine"}).bucket
    'mine'
    """
    bucket = environment.get("PERENNIAL_BUCKET") or memory.bucket
    if not BUCKET.fullmatch(bucket):
        rule = "3 to 63 of a-z, 0-9, inner hyphens and dots"
        raise ConfigurationError("PERENNIAL_BUCKET", rule, bucket, "Choose another name.")
    worker = environment.get("PERENNIAL_WORKER") or memory.worker
    worker_type(worker)
    return with_changes(
        memory,
        offset=memory.offset if offset is None else offset,
        bucket=bucket,
        pipelines=environment.get("PERENNIAL_PIPELINES") or memory.pipelines,
        worker=worker,
        project=environment.get(PROJECT) or memory.project,
    )


def remember(folder: Folder, memory: Memory) -> None:
    """Keep `memory` for later commands."""
    write(folder.memory, json.dumps(asdict(memory), indent=1) + "\n")


def write(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a file that only this user can read, whole or not at all.

    Raises:
        FileExistsError: it is there, and `replace` is false.
    """
    # In the same folder, for a rename across file systems copies; mkstemp's files are 0600.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            # Renamed before it is on the disk, a crash could leave an empty file of that name.
            os.fsync(file.fileno())
        if replace:
            partial.replace(path)
        else:
            # Unlike a rename, this fails where the name is taken.
            path.hardlink_to(partial)
    finally:
        partial.unlink(missing_ok=True)
