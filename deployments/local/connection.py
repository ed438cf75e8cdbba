"""How a process of ours reaches its servers: those of the local stack, a person's own, or none."""

from __future__ import annotations

import os
from pathlib import Path

from deployments.local import secrets
from deployments.local.environment import OFFLINE, STORE, client, join_environment
from deployments.local.folder import Folder, make_closed, recall
from deployments.local.strangers import refuse_strangers
from tasks.errors import StackError
from tasks.settings import FOLDER, SIGNING, SIGNING_FILE

ELSEWHERE = (*STORE[:3], SIGNING)  # who names all of these needs no local stack


def environment(home: Path) -> dict[str, str]:
    """Return the variables with which a process reaches the stack under `home`.

    Raises:
        StackError: it was never started.
    """
    folder = Folder.at(home)
    return client(folder, recall(folder), secrets.with_blanks(read_secrets(folder)))


def read_secrets(folder: Folder) -> dict[str, str]:
    """Return the keys of a stack that was started; raises as `environment`."""
    found = secrets.read(folder.secrets)
    if found is None:
        rule = "the local stack was started once"
        raise StackError(str(folder.secrets), rule, "no such file", "Run `perennial up`.")
    return found


def connect(home: Path) -> None:
    """Put the stack's addresses and keys into this process's environment; what is set stays.

    Raises:
        StackError: the stack was never started, and no other servers are set.
    """
    wanted = effective_environment(home)
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


def effective_environment(home: Path) -> dict[str, str]:
    """Return the variables that `connect` sets; raises as that."""
    real = dict(os.environ)
    if real.get("PERENNIAL_BUCKET", "").startswith(FOLDER):
        ours = join_environment(beside_folder(Folder.at(home)), real)
        return {**OFFLINE, **real, **{name: text for name, text in ours.items() if text}}
    # Who names other servers and never had a stack here needs none; with one, theirs still win.
    if all(map(real.get, ELSEWHERE)) and secrets.read(Folder.at(home).secrets) is None:
        return {**OFFLINE, **real}
    refuse_strangers(recall(Folder.at(home)).offset)
    changes = join_environment(environment(home), real)
    return {name: value for name, value in {**real, **changes}.items() if value is not None}


def beside_folder(folder: Folder) -> dict[str, str]:
    """Return what a process needs whose bucket is a folder; the signing key is made once.

    Raises:
        StackError: the home cannot be created, or its file of secrets is not as it should be.
    """
    make_closed(folder.root)
    return {
        "PERENNIAL_HOME": str(folder.root),
        SIGNING: secrets.ensure(folder.secrets)[SIGNING],
        SIGNING_FILE: str(folder.secrets),
        "PREFECT_HOME": str(folder.prefect),
        # Flows are run plainly there: whatever would ask a server is told that there is none.
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    }
