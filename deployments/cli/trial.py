"""What a person decides: a challenger is tried beside the champion, a batch learned from."""

from __future__ import annotations

import click

from deployments.cli.output import about_pipeline, read_share, show
from deployments.cli.versions import person
from deployments.session import open_session
from tasks.errors import ConfigurationError, Refused
from tasks.ledger.suspicion import clearance
from tasks.promotion import trials
from tasks.promotion.deciding import entries_to_decide_by
from tasks.records import plain


@about_pipeline
@click.argument("version")
@click.option("--why", default="tried by hand", show_default=True, help="The reason, recorded.")
def shadow(name: str, version: str, why: str, as_json: bool) -> None:
    """Let VERSION answer beside the champion into the log, and nowhere else."""
    _begin(name, version, 0.0, why, override=False, as_json=as_json)


@about_pipeline
@click.argument("version")
@click.option("--share", default="10%", show_default=True, callback=read_share,
              help="The share of the keys.")  # fmt: skip
@click.option("--why", default="tried by hand", show_default=True, help="The reason, recorded.")
@click.option("--override", is_flag=True, help="Although the gate refused it.")
def canary(name: str, version: str, share: float, why: str, override: bool, as_json: bool) -> None:
    """Let VERSION answer for a share of the keys, the same keys each time.

    It is withdrawn by itself when it fails too often, or its live metric falls too far under the
    champion's: `serving.max_error_rate` and `serving.max_drop` of the pipeline file.
    """
    if not share:
        raise ConfigurationError("--share", "a canary answers for some", "none", "See `shadow`.")
    _begin(name, version, share, why, override=override, as_json=as_json)


@about_pipeline
@click.option("--why", default="withdrawn by hand", show_default=True, help="The reason.")
def withdraw(name: str, why: str, as_json: bool) -> None:
    """End the trial that goes on; the champion answers everything again.

    Exit 3 when there is none.
    """
    ended = trials.withdraw(open_session(name), by=person(), why=why)
    if ended is None:
        raise Refused(name, "a challenger is tried", "none", "See `perennial status`.")
    document = {"pipeline": name, **plain(ended), "mode": ended.mode}
    show(document, as_json, lambda: f"{name} version {ended.version} is tried no more.")


@about_pipeline
@click.argument("batch")
@click.option("--why", default="cleared by hand", show_default=True, help="The reason, recorded.")
def clear(name: str, batch: str, why: str, as_json: bool) -> None:
    """Let trainings learn from BATCH, which was held back as suspicious.

    BATCH is its id, the beginning of it, or the name of its file. Exit 3 when no such batch is
    held back.
    """
    workspace = open_session(name)
    entry = clearance(entries_to_decide_by(workspace), name, batch, person(), why)
    workspace.ledger.append(entry)
    show(entry.to_dict(), as_json, lambda: entry.summary)


def _begin(
    name: str, version: str, share: float, why: str, *, override: bool, as_json: bool
) -> None:
    workspace = open_session(name)
    serving = workspace.pipeline.serving
    trial = trials.begin(
        workspace,
        version,
        share,
        by=person(),
        why=why,
        max_error_rate=serving.max_error_rate,
        max_drop=serving.max_drop,
        override=override,
    )
    document = {"pipeline": name, **plain(trial), "mode": trial.mode}
    said = f"{name} version {trial.version} is tried beside the champion: {trial.words}."
    show(document, as_json, lambda: said)
