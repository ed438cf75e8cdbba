"""`perennial keys rotate` and `retire`: other keys of the local stack, while it serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from deployments.cli.output import OneOf, reporting, say, show
from deployments.local import secrets, supervise
from deployments.local.access import TOLD as LOGINS
from deployments.local.connection import connect, environment
from deployments.local.folder import Folder
from deployments.local.stack import down, status, up
from deployments.local.under_way import PATIENCE, wait_for_runs
from tasks.errors import ConfigurationError
from tasks.policy.reading import count_text
from tasks.settings import EARLIER, RETIRED, SIGNING, Settings, home_folder

# What the stack's processes hold for as long as they live: the names, and what is told in the end.
RESTARTED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "s3": (
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        "The bucket has other keys; the ones before open nothing.",
    ),
    "logins": (
        LOGINS,
        "Prefect and MLflow ask for others; the ones before let nobody in. "
        "`perennial status --logins` says them.",
    ),
}


@reporting
@click.argument("which", type=OneOf(["signing", *RESTARTED]))
def rotate(which: str, as_json: bool) -> None:
    """Replace the key that signs models, the keys of the bucket, or the logins of the pages.

    With another signing key everything is signed anew while it serves; what was signed before is
    believed until `perennial keys retire`. With other keys of the bucket, or other logins (what
    Prefect asks for, MLflow's passwords), the stack is restarted, once what runs has ended.
    """
    folder = _own_folder()
    if which in RESTARTED:
        names, told = RESTARTED[which]
        show({"rotated": which, **replace_and_restart(folder, names)}, as_json, lambda: told)
        return
    _write(folder, {SIGNING: secrets.GENERATORS[SIGNING]()}, {EARLIER: (SIGNING, EARLIER)})
    signed = sign_all()
    show(
        {"rotated": "signing", "signed": signed},
        as_json,
        lambda: (
            f"Another key signs. {_counted(signed)}\n"
            "What the key before signed is believed still: trainings that run may sign with it. "
            "When they have ended: `perennial keys retire`."
        ),
    )


@reporting
def retire(as_json: bool) -> None:
    """End the belief in signing keys that were replaced, once all is signed anew.

    The lines of the ledger stay as they were signed, and are verified with the keys of their time.
    """
    folder = _own_folder()
    signed = sign_all()
    _write(folder, {}, {RETIRED: (EARLIER, RETIRED), EARLIER: ()})
    show(
        {"retired": True, "signed": signed},
        as_json,
        lambda: f"{_counted(signed)}\nKeys that were replaced sign nothing that is believed.",
    )


def sign_all() -> dict[str, int]:
    """Sign what every pipeline of the bucket has with the key that signs now; return the counts."""
    from tasks.promotion.signing import sign_everywhere
    from tasks.store.connect import open_bucket

    settings = Settings.from_environment()
    return sign_everywhere(open_bucket(settings), settings.keyring)


def _own_folder() -> Folder:
    """Return the folder of a stack whose keys are ours to change.

    Raises:
        ConfigurationError: the keys are told by the environment, and changed where that is.
    """
    folder = Folder.at(home_folder())
    connect(folder.root)
    known, settings = secrets.read(folder.secrets) or {}, Settings.from_environment()
    if known.get(SIGNING) != settings.keyring.current:
        rule = "the keys of this home are those that sign"
        remedy = (
            f"Set {SIGNING} to another and {EARLIER} to the one before, restart what serves, then "
            "`perennial keys retire` in a home of its own."
        )
        raise ConfigurationError("keys", rule, "others, which the environment tells", remedy)
    return folder


def _write(folder: Folder, new: dict[str, str], moves: dict[str, tuple[str, ...]]) -> None:
    """Write keys, and under each name of `moves` what stood under others, the newest first."""
    folder.make()  # beside a bucket in a folder no stack made it
    with supervise.lock(folder, patience=60):
        found = secrets.read(folder.secrets) or {}
        moved = {
            name: ",".join(found[source] for source in sources if found.get(source))
            for name, sources in moves.items()
        }
        secrets.replace(folder.secrets, {**found, **moved, **new})


def replace_and_restart(
    folder: Folder, names: Sequence[str], patience: float = PATIENCE
) -> dict[str, Any]:
    """Generate keys anew, and restart a stack that runs; say whether, and which runs it ended.

    Runs under way have `patience` seconds to end.
    """
    running = any(program.state != "down" for program in status(folder.root).programs)
    done: dict[str, Any] = {"restarted": running}
    if running:
        settings = Settings.from_environment(environment(folder.root))
        done["ended"] = wait_for_runs(settings, say, patience)
        for name in done["ended"]:
            say(f"ending {name}: what it leaves undone is started again once the stack is up")
        say("stopping the stack: its processes hold the keys")
        down(folder.root, say)
    _write(folder, {name: secrets.GENERATORS[name]() for name in names}, {})
    if running:
        up(folder.root, None, say)
    return done


def _counted(signed: dict[str, int]) -> str:
    objects = count_text(sum(signed.values()), "object", "objects")
    return f"{objects} of {count_text(len(signed), 'pipeline', 'pipelines')} signed anew."
