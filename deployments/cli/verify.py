"""`perennial verify`: is everything as it was signed?"""

from __future__ import annotations

import click

from deployments.cli.output import about_pipeline, show, table
from deployments.cli.versions import person
from deployments.local.connection import connect
from tasks.settings import Settings, home_folder, pipelines_folder
from tasks.workspace import open_place


@about_pipeline
@click.option("--accept", is_flag=True, help="Sign pointers that an earlier release left unsigned, "
              "and take a ledger that does not hold as it is.")  # fmt: skip
def verify(name: str, accept: bool, as_json: bool) -> int:
    """Walk whatever is signed: who is in service, every version, the ledger line by line.

    Exit 1 where something is not as it was signed.
    """
    from tasks.promotion.signing import accept_ledger, accept_pointers, verify_place
    from tasks.reconciliation.ending import check_known

    connect(home_folder())
    place = open_place(Settings.from_environment(), name)
    check_known(place, pipelines_folder())
    accepted = (*accept_pointers(place), *accept_ledger(place, person())) if accept else ()
    seen = verify_place(place)
    document = {
        "pipeline": name,
        "accepted": accepted,
        "seen": [{"what": row.what, "whole": row.whole, "told": row.told} for row in seen],
    }

    def told() -> str:
        rows = [(row.what, "ok" if row.whole else "WRONG", row.told) for row in seen]
        return "\n".join([*(f"signed: {text}" for text in accepted), table(("", "", ""), rows)])

    show(document, as_json, told)
    return 0 if all(row.whole for row in seen) else 1
