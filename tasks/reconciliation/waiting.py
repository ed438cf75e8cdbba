"""What waits for a flow in one pipeline, read from the bucket alone."""

from __future__ import annotations

from tasks.errors import IntegrityError
from tasks.ingestion.entrance import KINDS, Entrance
from tasks.ingestion.trouble import find_hopeful
from tasks.monitoring.arrivals import find_arrivals, find_unanswered, find_undecided
from tasks.promotion.deciding import entries_to_decide_by
from tasks.reconciliation.missing import Waiting
from tasks.runs import run_logger
from tasks.workspace import Workspace


def find_waiting(workspace: Workspace) -> dict[str, list[Waiting]]:
    """Return what waits for ingest, label, monitor and train, by flow.

    What only a person can mend waits for nobody. Of a ledger that does not hold nothing is told
    for monitor and train, which decide by it; files are taken in all the same.
    """
    arrived = {
        entrance.flow: [(info.key, info.modified) for info in find_hopeful(workspace, entrance)]
        for entrance in (Entrance(kind, workspace.layout) for kind in KINDS)
    }
    try:
        entries = entries_to_decide_by(workspace)
    except IntegrityError as error:
        run_logger().warning("Nothing is decided: %s", error)
        return dict(arrived)
    undecided = find_undecided(find_arrivals(workspace), entries)
    return {
        **arrived,
        "monitor": [(arrival.batch[:12], arrival.at) for arrival in undecided],
        "train": [(entry.id, entry.at) for entry in find_unanswered(entries)],
    }
