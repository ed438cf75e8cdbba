"""Commands about versions: models, promote, rollback, history."""

from __future__ import annotations

import getpass
import textwrap
from contextlib import suppress
from typing import Any

import click

from deployments.cli.output import about_pipeline, say, show, table
from deployments.cli.runs import interval
from deployments.session import open_session
from tasks.errors import Refused, TrackingError
from tasks.ledger.story import Chapter, story
from tasks.promotion import pointer, trials
from tasks.promotion.deciding import entries_to_decide_by
from tasks.promotion.manifest import Manifest
from tasks.promotion.outcome import Promotion
from tasks.promotion.promote import promote as promote_version
from tasks.promotion.promote import rollback as roll_back
from tasks.promotion.versions import checked_version
from tasks.promotion.versions import models as published_models
from tasks.promotion.waiting import rejection, waiting_versions
from tasks.reconciliation.standing import tell_broken
from tasks.records import plain
from tasks.scoring.seen import say_seen
from tasks.tracking.registry import remove_alias
from tasks.workspace import Workspace


@about_pipeline
def models(name: str, as_json: bool) -> None:
    """List the versions with their data, metrics, intervals and baselines; the champion first."""
    document = {"pipeline": name, **_models(open_session(name))}
    show(document, as_json, lambda: _models_table(document))


@about_pipeline
@click.argument("version")
@click.option("--why", default="promoted by hand", show_default=True, help="The reason, recorded.")
@click.option("--override", help="Why a verdict that did not pass is overruled; recorded.")
def promote(name: str, version: str, why: str, override: str | None, as_json: bool) -> int:
    """Put VERSION in service, every check made.

    Exit 3 when it is refused, or another promotion was faster.
    """
    workspace = open_session(name)
    done = promote_version(workspace, version, by=person(), why=why, override=override)
    return _ended(done, as_json)


@about_pipeline
@click.argument("version")
@click.option("--why", default="rejected by hand", show_default=True, help="The reason, recorded.")
def reject(name: str, version: str, why: str, as_json: bool) -> None:
    """Turn down the challenger VERSION, which waits for approval.

    Exit 3 when it does not wait.
    """
    workspace = open_session(name)
    number = checked_version(version)
    waiting = waiting_versions(entries_to_decide_by(workspace))
    if number not in waiting:
        rule, known = "the version waits for approval", ", ".join(map(str, waiting)) or "none"
        remedy = f"Waiting: {known}. See `perennial models {name}`."
        raise Refused(f"{name} version {number}", rule, "it does not", remedy)
    entry = rejection(name, number, person(), why)
    workspace.ledger.append(entry)
    # The ledger is the truth and was written first; the alias in MLflow follows where it can.
    with suppress(TrackingError):
        if workspace.tracking is not None:
            remove_alias(workspace.tracking, name, "challenger")
    trial = trials.standing(workspace)
    if trial is not None and trial.version == number:
        trials.withdraw(workspace, by=person(), why=why, trial=trial)
    show(entry.to_dict(), as_json, lambda: entry.summary)


@about_pipeline
@click.argument("version", required=False)
@click.option("--why", default="rolled back by hand", show_default=True, help="The reason.")
@click.option("--override", help="Why a verdict that did not pass is overruled; recorded.")
def rollback(name: str, version: str | None, why: str, override: str | None, as_json: bool) -> int:
    """Go back to the previous champion, or to VERSION; checked as a promotion is."""
    workspace = open_session(name)
    done = roll_back(workspace, version, by=person(), why=why, override=override)
    return _ended(done, as_json)


@about_pipeline
@click.option("--last", type=click.IntRange(1), default=50, show_default=True, help="How many.")
def history(name: str, last: int, as_json: bool) -> None:
    """Tell what happened to NAME, oldest first: what came, what was decided, what it bought."""
    workspace = open_session(name)
    entries = workspace.ledger.entries()
    chapters = story(entries, timed=workspace.pipeline.event_time is not None)[-last:]
    broken = tell_broken(workspace)
    if broken:
        say(f"warning: {broken}")
    document = {
        "pipeline": name,
        "entries": [entry.to_dict() for entry in entries[-last:]],
        "story": [chapter.to_dict() for chapter in chapters],
    }
    show(document, as_json, lambda: "\n\n".join(map(_chapter, chapters)) or "Nothing yet.")


def _chapter(chapter: Chapter) -> str:
    text = " ".join(chapter.sentences)
    body = textwrap.fill(text, 96, initial_indent="  ", subsequent_indent="  ")
    return f"{chapter.at:%Y-%m-%d %H:%M}  {chapter.title}\n{body}"


def _models(workspace: Workspace) -> dict[str, Any]:
    found = pointer.read(workspace)
    champion = found[0] if found else None
    scored: dict[int, list[dict[str, Any]]] = {}
    for entry in workspace.ledger.entries("scored"):
        scored.setdefault(entry.version or 0, []).append(dict(entry.figures))
    published = published_models(workspace, lambda _, error: say(f"{error}"))
    serving = champion.version if champion else None
    waiting = waiting_versions(workspace.ledger.entries())
    roles = dict.fromkeys(waiting, "awaits approval") | {serving or 0: "champion"}
    trial = trials.standing(workspace)
    if trial is not None:
        roles[trial.version] = trial.mode
    versions = [
        _version(manifest, roles.get(manifest.version, ""), scored.get(manifest.version, []))
        for manifest in published
    ]
    # The champion first, then the newest.
    versions.sort(key=lambda version: (version["role"] != "champion", -version["version"]))
    return {"champion": champion.to_dict() if champion else None, "versions": versions}


def _version(manifest: Manifest, role: str, scored: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "version": manifest.version,
        "role": role,
        "passed": manifest.verdict.passed,
        "reasons": list(manifest.verdict.reasons),
        "warnings": list(manifest.verdict.warnings),
        "metric": manifest.lineage.metric,
        "metrics": manifest.metrics,
        "baselines": manifest.baselines,
        "data_version": manifest.data_version,
        "window": manifest.window,
        "rows": manifest.lineage.rows,
        "evidence": manifest.lineage.evidence,
        "setting": plain(manifest.lineage.setting),
        "created": manifest.created.isoformat(timespec="seconds"),
        "run": manifest.run,
        "training_key": manifest.training_key,
        "scored": scored,
    }


def _models_table(document: dict[str, Any]) -> str:
    if not document["versions"]:
        return f"No version yet. Train one: `perennial train {document['pipeline']}`."
    head = ["version", "role", "gate", "family", "metric", "judged", "naive", "data", "rows", ""]
    rows: list[list[Any]] = []
    for version in document["versions"]:
        metric = version["metric"]
        rows.append(
            [
                version["version"],
                version["role"],
                _gate(version),
                version["setting"]["family"],
                metric,
                interval(version["metrics"][metric]),
                _best(version["baselines"]),
                f"v{version['data_version']} to {version['window']['end'][:10]}",
                f"{version['rows']:,}",
                version["evidence"],
            ]
        )
        rows.extend(
            ["", "", "", "", metric, interval(live["metrics"][metric]), _best(live["baselines"]),
             live["object"].rpartition("/")[2], f"{live['rows']:,}", _scored(live)]
            for live in version["scored"]
        )  # fmt: skip
    warned = (
        f"Version {version['version']}, warning: {warning}"
        for version in document["versions"]
        for warning in version["warnings"]
    )
    return "\n".join([table(head, rows), *warned])


def _scored(live: dict[str, Any]) -> str:
    return "scored, may have been learned from" if say_seen(live) else "scored"


def _gate(version: dict[str, Any]) -> str:
    if not version["passed"]:
        return "refused"
    count = len(version["warnings"])
    return f"passed, {count} warning{'s' * (count > 1)}" if count else "passed"


def _best(baselines: dict[str, float | None]) -> str:
    return ", ".join(
        f"{name} {value:.3f}" for name, value in baselines.items() if value is not None
    )


def person() -> str:
    """Return who types the command, as the ledger names them."""
    return f"{getpass.getuser()} (command)"


def _ended(done: Promotion, as_json: bool) -> int:
    show(done.to_dict(), as_json, lambda: done.message)
    return 3 if done.outcome in ("lost", "refused") else 0
