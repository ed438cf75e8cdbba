"""Keep the newest known targets beside the model, for serving to look up."""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.data.table_errors import others_won
from tasks.errors import DataError, IntegrityError, PreconditionFailed
from tasks.faults import external_write
from tasks.features.history import cut_known, plan_history
from tasks.features.kept_history import KeptHistory, read_history, say_what, sign_history
from tasks.labels.known import load_history, newest_versions
from tasks.ledger.suspicion import held_back
from tasks.promotion.compare_and_set import swapped
from tasks.store.exchange import steady
from tasks.workspace import Workspace

# Targets of all groups together: a document of a megabyte or two, which every worker holds.
MOST = 50_000
RACES = 20  # each means that another writer was first, as in `land`


def keep_history(workspace: Workspace) -> None:
    """Derive what is known anew and put it in place whole, where the file asks for a history.

    What is there already of the same rows and labels stays.

    Raises:
        StoreError: other writers won every time.
    """
    plan, bucket = plan_history(workspace.pipeline), workspace.bucket
    where = workspace.layout.history
    if plan is None:
        return
    for _ in range(RACES):
        # before the tables are looked at: who lands later is then seen, or makes this write fail
        before = steady(bucket, where)
        versions = newest_versions(workspace, workspace.pipeline)
        told = {
            "of": say_what(plan),
            "depth": plan.depth,
            **vars(versions),
            "without": sorted(held_back(workspace.ledger.entries())),
        }
        if before is not None and _says(workspace, before[0], told):
            return
        try:
            known = load_history(workspace, workspace.pipeline, plan, versions)
        # rows without a column that it is looked up by land all the same: training says so
        except DataError:
            return
        known = cut_known(known, plan, MOST)
        kept = KeptHistory(plan, known, datetime.now(UTC))
        data = sign_history(workspace.name, workspace.keyring, kept, told)
        try:
            with external_write("history.kept"):
                swapped(bucket, where, data, None if before is None else before[1])
            return
        except PreconditionFailed:
            continue
    raise others_won(where)


def _says(workspace: Workspace, data: bytes, told: dict[str, object]) -> bool:
    where = workspace.layout.history
    try:
        content = read_history(workspace.name, workspace.keyring, data, where)
    # damaged, or signed with a key that is gone: made anew, as where it was lost
    except IntegrityError:
        return False
    return all(content.get(name) == value for name, value in told.items())
