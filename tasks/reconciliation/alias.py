"""The MLflow alias against the champion pointer, which it mirrors."""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.errors import PerennialError
from tasks.promotion import pointer
from tasks.promotion.outcome import Attempt, Promotion, failed_entry
from tasks.promotion.pointer import Champion
from tasks.promotion.promote import ALIAS, promote, repair
from tasks.promotion.versions import require_version
from tasks.tracking.registry import (
    read_aliases,
    read_mirrored_pointer,
    read_move,
    remove_alias,
)
from tasks.workspace import Workspace

WHY = "the alias champion was moved by hand"
SOMEBODY = "a person, in MLflow"


def settle_alias(workspace: Workspace) -> str | None:
    """Promote the version a person pointed the alias at, or mirror the pointer again.

    Such a move is a wish, and goes the way of every other: a version whose verdict passed, where
    no person has to approve. Any other is moved back, and the command that puts it in service told.

    Returns what was done, or None where alias and pointer agree, or nothing is tracked.

    Raises:
        TrackingError: MLflow gives no answer.
    """
    pipeline, server = workspace.name, workspace.tracking
    if server is None:
        return None
    standing = pointer.read(workspace)
    named = read_aliases(server, pipeline).get(ALIAS)
    champion = None if standing is None else standing[0]
    if named is None or (champion is not None and champion.version == named):
        return None
    # a mirroring leaves the pointer's id beside the alias: where that is another pointer's, the
    # last mirroring failed; where it is this one's, a person moved the alias in MLflow's page since
    if champion is not None and read_mirrored_pointer(server, pipeline) != champion.id:
        repair(workspace)
        return f"The alias of {pipeline} follows the pointer again: version {champion.version}."
    move = read_move(server, pipeline, ALIAS)
    by, when = (SOMEBODY, "") if move is None else (move.by, move.at)
    done, told = honour(workspace, named, by, when, champion)
    if not done:
        if champion is None:
            remove_alias(server, pipeline, ALIAS)
        else:
            repair(workspace)
    return told


def honour(
    workspace: Workspace, version: int, by: str, when: str, champion: Champion | None
) -> tuple[bool, str]:
    """Put in service what a person pointed the alias at, if gate and approval let it.

    Args:
        workspace, champion: of the pipeline, and what is in service now.
        version, by, when: what the alias was moved to, by whom, and at what time.

    Returns whether the version is in service, and what a person is told.
    """
    # one attempt a move: every minute's look at the same alias is told once in the ledger
    name = f"alias-{version}-{champion.id if champion else 'none'}-{when}"
    try:
        passed = require_version(workspace, version).verdict.passed
        if passed and workspace.pipeline.gate.approval == "manual":
            done = _ask(workspace, version, Attempt("promotion", by, WHY, "", name), champion)
        else:
            done = promote(workspace, version, by=by, why=WHY, attempt=name)
    except PerennialError as error:
        told = f"The alias of {workspace.name} was moved to version {version}, which cannot serve"
        return False, f"{told}: {error}"
    return done.outcome in ("promoted", "already"), done.message


def _ask(
    workspace: Workspace, version: int, asked: Attempt, champion: Champion | None
) -> Promotion:
    refused = Promotion(
        "refused",
        asked.kind,
        workspace.name,
        version,
        champion,
        reasons=("gate.approval is manual, and an alias is no approval",),
        remedy=f"Approve it by `perennial promote {workspace.name} {version}`.",
    )
    workspace.ledger.append(failed_entry(refused, asked, datetime.now(UTC)))
    return refused
