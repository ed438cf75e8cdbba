"""The MLflow alias against the champion pointer.

The alias mirrors the pointer. Where they differ, either a mirroring failed, or a person moved the
alias in MLflow's page. A mirroring leaves the pointer's id beside the alias: where that is the
pointer's own, it had succeeded, so a person moved the alias since.
"""

from __future__ import annotations

from tasks.errors import PerennialError
from tasks.ledger.ledger import ledger_of
from tasks.promotion import pointer
from tasks.promotion.promote import Context, promote, repair
from tasks.settings import Settings
from tasks.store.s3 import S3Store
from tasks.tracking.registry import alias_mirror, aliases, mirrored_for


def honoured(settings: Settings, pipeline: str) -> str | None:
    """Promote the version a person pointed the alias at, or mirror the pointer again.

    Returns what was done, or None where alias and pointer agree.

    Raises:
        TrackingError: MLflow gives no answer.
    """
    store = S3Store(settings)
    found = pointer.read(store, pipeline)
    named = aliases(settings, pipeline).get("champion")
    champion = None if found is None else found[0]
    if named is None or (champion is not None and champion.version == named):
        return None
    context = Context(
        store, ledger_of(settings, pipeline), settings.signing_key, pipeline, alias_mirror(settings)
    )
    if champion is not None and mirrored_for(settings, pipeline) != champion.id:
        repair(context)
        return f"The alias of {pipeline} follows the pointer again: version {champion.version}."
    try:
        done = promote(
            context,
            named,
            by="a person, in MLflow",
            why="the alias champion was moved by hand",
            override="moved by hand in MLflow",
            attempt=f"alias-{named}-{champion.id if champion else 'none'}",
        )
    except PerennialError as error:
        repair(context)
        return f"The alias of {pipeline} was moved to version {named}, which cannot serve: {error}"
    return done.message
