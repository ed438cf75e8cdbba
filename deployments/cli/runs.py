"""Commands that start a flow run and follow it: ingest, label, train, monitor."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.output import LocalFile, about_pipeline, say, show, table
from deployments.patience import over_a_restart
from deployments.session import follow, open_session, upload
from tasks.errors import PerennialError
from tasks.policy.reading import count_text

if TYPE_CHECKING:
    from tasks.workspace import Workspace

FASTER = "by the run that its arrival started, just now"
# Their kinds, as counted.
LABELS = ("new", "revised", "late", "duplicate", "contradicting", "unknown")


@about_pipeline
@click.argument("files", nargs=-1, type=LocalFile())
def ingest(name: str, files: tuple[Path, ...], as_json: bool) -> int:
    """Put FILES in the pipeline's incoming folder and ingest them; without FILES, what is pending.

    Exit 3 when a batch is in quarantine, 1 when one could not be read and will be tried again.
    """
    workspace, began = open_session(name), datetime.now(UTC)
    keys = [upload(workspace, path, say) for path in files] or None
    outcome = follow(workspace, "ingest", {"objects": keys}, say)
    tell_faster_run(workspace, outcome["batches"], began)
    show(outcome, as_json, lambda: batches_table(outcome["batches"]))
    return landing_status(outcome["batches"])


@about_pipeline
@click.argument("files", nargs=-1, type=LocalFile())
def label(name: str, files: tuple[Path, ...], as_json: bool) -> int:
    """Join the labels in FILES to their rows by key; without FILES, what is pending.

    A file has the key's columns and the target. Exit 3 when one is in quarantine, 1
    when one could not be read and will be tried again.
    """
    workspace, began = open_session(name), datetime.now(UTC)
    keys = [upload(workspace, path, say, "labels/incoming") for path in files] or None
    outcome = follow(workspace, "label", {"objects": keys}, say)
    tell_faster_run(workspace, outcome["files"], began)
    show(outcome, as_json, lambda: labels_table(outcome["files"]))
    return landing_status(outcome["files"])


@about_pipeline
@click.option("--with-suspicious", is_flag=True, help="Learn from batches held back as well.")
def train(name: str, with_suspicious: bool, as_json: bool) -> int:
    """Train a challenger on the curated table and let the gate judge it.

    What came in and was not looked at is looked at first. Exit 3 when the gate refused it, or it
    awaits approval.
    """
    workspace = open_session(name)
    if not with_suspicious:
        look_first(workspace)
    asked = {"with_suspicious": True} if with_suspicious else {}
    outcome = follow(workspace, "train", asked, say)
    show(outcome, as_json, lambda: training_summary(outcome))
    return 0 if outcome["passed"] else 3


@about_pipeline
def monitor(name: str, as_json: bool) -> None:
    """Compare each new batch with what the champion knows, judge it, and decide on retraining."""
    outcome = follow(open_session(name), "monitor", {}, say)
    # What labels say of the answers in service stands below the decisions.
    told = (outcome["answers"] or {"told": []})["told"]
    show(outcome, as_json, lambda: "\n".join([decisions_table(outcome["decisions"]), *told]))


def look_first(workspace: Workspace) -> None:
    """Let the monitor look at what came in, which a training leaves out until then."""
    from tasks.training.pinning import list_unseen

    try:
        unseen = list_unseen(workspace)
        if unseen:
            say(f"Looking first at {count_text(len(unseen), 'batch', 'batches')} that came in")
            follow(workspace, "monitor", {}, say)
    # what cannot be looked at stays out; the training says so, or fails for the same reason
    except PerennialError as error:
        say(f"It could not be looked at: {error}")


def tell_faster_run(workspace: Workspace, landed: list[dict[str, Any]], began: datetime) -> None:
    """Correct what became of objects that the run of their own arrival landed, just before ours.

    The bucket announces each object: its run may be the faster one, and then ours finds it
    "already" there, although the person sent it for the first time.
    """
    from tasks.monitoring.arrivals import find_arrivals

    late = [thing for thing in landed if thing["outcome"] == "already"]
    if not late:
        return
    refused = over_a_restart(lambda: workspace.ledger.entries("quarantine"), say)
    fresh = {entry.figures.get("batch") for entry in refused if entry.at >= began}
    for thing in late:
        if thing["stands"] == "quarantined" and thing["batch"] in fresh:
            thing.update(outcome="quarantined", told=FASTER)
    arrivals = over_a_restart(lambda: find_arrivals(workspace), say)
    since = {arrival.batch: arrival for arrival in arrivals if arrival.at >= began}
    for thing in late:
        arrival = since.get(thing["batch"])
        if arrival is not None:
            thing.update(outcome="accepted", told=FASTER)
            if "rows" in thing:
                thing["rows"] = arrival.rows


def landing_status(objects: list[dict[str, Any]]) -> int:
    """Return the exit status that tells what became of the objects.

    >>> landing_status([{"stands": "accepted"}, {"stands": "quarantined"}]), landing_status([])
    (3, 0)
    """
    stand = {thing["stands"] for thing in objects}
    return 1 if "waiting" in stand else 3 if stand & {"quarantined", "removed"} else 0


def batches_table(batches: list[dict[str, Any]]) -> str:
    """One line a batch: what became of it, and why."""
    rows = [
        _landed(batch, ["" if batch["outcome"] == "already" else f"{batch['rows']:,}"])
        for batch in batches
    ]
    return table(["object", "outcome", "rows", "why"], rows) if rows else "Nothing is pending."


def labels_table(files: list[dict[str, Any]]) -> str:
    """One line a file: how many labels of each kind, or why it was refused."""
    rows = []
    for file in files:
        counts, kinds = file["counts"] or {}, ("rows", *LABELS)
        rows.append(_landed(file, [f"{counts[kind]:,}" if counts else "" for kind in kinds]))
    head = ("file", "outcome", "labels", *LABELS, "why")
    return table(head, rows) if rows else "Nothing is pending."


def _landed(thing: dict[str, Any], figures: list[str]) -> list[str]:
    told = f"already {thing['stands']}" if thing["outcome"] == "already" else thing["outcome"]
    said = (thing.get("told", ""), *thing["reasons"], *thing.get("notes", ()))
    return [thing["key"].rpartition("/")[2], told, *figures, "; ".join(filter(None, said))]


def decisions_table(decisions: list[dict[str, Any]]) -> str:
    """One line a batch: how the champion did on it, and what was decided."""
    if not decisions:
        return "No new batch."
    rows = []
    for decided in decisions:
        seen = decided["observation"] or {}
        live, drift = seen.get("live"), seen.get("drift")
        rows.append(
            [
                decided["object"].rpartition("/")[2],
                f"{decided['rows']:,}",
                "" if drift is None else f"{drift['share']:.0%}",
                "" if live is None else f"{live['metric']} {interval(live)}",
                "retrain" if decided["decision"]["retrain"] else "no",
                decided["decision"]["reason"],
            ]
        )
    return table(["object", "rows", "drift", "live", "decision", "why"], rows)


def training_summary(outcome: dict[str, Any]) -> str:
    """What the training ended with, and the figures that decided."""
    from tasks.training.unseen import tell_unseen

    lines = [outcome["summary"]]
    if outcome["outcome"] == "unchanged":
        name = outcome["pipeline"]
        told = f"the policy decides on each batch that comes in; see `perennial history {name}`."
        lines.append(f"Ingesting trains by itself: {told}")
    if outcome.get("unseen"):
        lines.append(tell_unseen(outcome["unseen"], outcome["pipeline"]))
    if outcome.get("rules"):
        rows = [[_mark(rule), rule["rule"], rule["figures"]] for rule in outcome["rules"]]
        lines += ["", table(["", "rule", "figures"], rows)]
    lines += [f"Warning: {warning}" for warning in outcome.get("warnings", ())]
    # with several candidates: which of them was chosen, and why not the first
    if len(outcome.get("challengers", ())) > 1:
        lines += ["", outcome["why"]]
    if outcome.get("remedy") and not outcome["passed"]:
        lines += ["", outcome["remedy"]]
    if outcome.get("left_out"):
        left = [[name, why] for name, why in outcome["left_out"].items()]
        lines += ["", table(["left out", "why"], left)]
    if outcome.get("url"):
        lines += ["", f"MLflow run  {outcome['url']}"]
    return "\n".join(lines)


def _mark(rule: dict[str, Any]) -> str:
    return "passed" if rule["passed"] else "warns" if rule["warns"] else "FAILED"


def interval(figure: dict[str, float | None]) -> str:
    """Write a value with its interval; bounds that are not known are not written.

    >>> interval({"value": 0.65312, "low": 0.6461, "high": 0.6609})
    '0.653 [0.646, 0.661]'
    >>> interval({"value": None, "low": None, "high": None})
    'unknown'
    """
    value, low, high = (figure[name] for name in ("value", "low", "high"))
    if value is None:
        return "unknown"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"
