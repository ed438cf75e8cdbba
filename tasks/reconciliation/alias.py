"""The MLflow alias against the champion pointer, which it mirrors."""

from __future__ import annotations

from tasks.errors import PerennialError
from tasks.promotion import pointer
from tasks.promotion.promote import promote, repair
from tasks.tracking.registry import read_aliases, read_mirrored_pointer
from tasks.workspace import Workspace


def settle_alias(workspace: Workspace) -> str | None:
    """Promote the version a person pointed the alias at, or mirror the pointer again.

    Returns what was done, or None where alias and pointer agree, or nothing is tracked.

    Raises:
        TrackingError: MLflow gives no answer.
    """
    pipeline, server = workspace.name, workspace.tracking
    if server is None:
        return None
    standing = pointer.read(workspace)
    named = read_aliases(server, pipeline).get("champion")
    champion = None if standing is None else standing[0]
    if named is None or (champion is not None and champion.version == named):
        return None
    # a mirroring leaves the pointer's id beside the alias: where that is another pointer's, the
    # last mirroring failed; where it is this one's, a person moved the alias in MLflow's page since
    if champion is not None and read_mirrored_pointer(server, pipeline) != champion.id:
        repair(workspace)
        return f"The alias of {pipeline} follows the pointer again: version {champion.version}."
    try:
        done = promote(
            workspace,
            named,
            by="a person, in MLflow",
            why="the alias champion was moved by hand",
            override="moved by hand in MLflow",
            # one attempt a move: every minute's look at the same alias is told once in the ledger
            attempt=f"alias-{named}-{champion.id if champion else 'none'}",
        )
    except PerennialError as error:
        repair(workspace)
        return f"The alias of {pipeline} was moved to version {named}, which cannot serve: {error}"
    return done.message
