"""Ways out: a refused batch is judged anew, a batch taken out, a pipeline ended."""

from __future__ import annotations

import click

from deployments.cli.output import about_pipeline, complete_pipeline, reporting, say, show
from deployments.cli.runs import batches_table, labels_table, landing_status
from deployments.cli.versions import person
from deployments.local.connection import connect
from deployments.patience import over_a_restart
from deployments.session import follow, open_session
from tasks.errors import ConfigurationError
from tasks.ingestion.remembering import keep_history
from tasks.ingestion.removal import learned_by_champion, pick_held, remove_batch
from tasks.ingestion.retry import RefusedBatch, call_back, pick_refused
from tasks.policy.reading import count_text
from tasks.settings import Settings, home_folder, pipelines_folder
from tasks.workspace import Place, Workspace, open_place


@about_pipeline
@click.argument("batch")
def retry(name: str, batch: str, as_json: bool) -> int:
    """Judge BATCH anew, which lies in quarantine, by today's contract.

    BATCH is its id, the beginning of it, or the name of its file. Exit 3 when it is refused again,
    or no such batch lies in quarantine.
    """
    workspace = open_session(name)
    refused = over_a_restart(lambda: pick_refused(workspace, batch), say)
    return judge_anew(workspace, refused, as_json=as_json)


def judge_anew(workspace: Workspace, refused: RefusedBatch, *, as_json: bool) -> int:
    """Judge a refused object again, print what became of it, and return the exit status."""
    key = over_a_restart(lambda: call_back(workspace, refused), say)
    rows = refused.kind == "rows"
    asked = {"objects": [key], "again": True}
    outcome = follow(workspace, "ingest" if rows else "label", asked, say)
    landed = outcome["batches" if rows else "files"]
    show(outcome, as_json, lambda: batches_table(landed) if rows else labels_table(landed))
    return landing_status(landed)


@about_pipeline
@click.argument("batch")
@click.option("--why", default="taken out by hand", show_default=True, help="The reason, recorded.")
def remove(name: str, batch: str, why: str, as_json: bool) -> None:
    """Take BATCH out again: its rows, or its labels, and its part in decisions.

    BATCH is its id, the beginning of it, or the name of its file. The same file does not come in
    again; a corrected one does. Exit 3 when no such batch was taken in.
    """
    workspace = open_session(name)
    held = pick_held(workspace, batch)
    knows = learned_by_champion(workspace, held)
    entry = remove_batch(workspace, held, person(), why)
    keep_history(workspace)
    told = [entry.summary + "."]
    if knows is not None:
        told.append(
            f"Version {knows}, in service, may have learned from it: `perennial train {name}`, or "
            f"`perennial rollback {name}`."
        )
    document = {**entry.to_dict(), "learned_by_champion": knows}
    show(document, as_json, lambda: "\n".join(told))


@reporting
@click.argument("name", shell_complete=complete_pipeline)
@click.option("--data", is_flag=True, help="Its data, models and ledger as well, for ever.")
@click.option("--yes", is_flag=True, help="Do not ask to type the name.")
@click.option("--why", default="ended by hand", show_default=True, help="The reason, recorded.")
def delete(name: str, data: bool, yes: bool, why: str, as_json: bool) -> None:
    """End the pipeline NAME: its deployments go, and its file is set aside as NAME.yaml.ended.

    Its data stay, and its champion goes on answering, unless --data is told. What MLflow recorded
    stays in either case.
    """
    from tasks.reconciliation.ending import check_known, delete_data, end_pipeline

    connect(home_folder())
    settings = Settings.from_environment()
    place = open_place(settings, name)
    path = check_known(place, pipelines_folder())
    if data and not yes:
        _confirm(name, as_json=as_json)
    entry = end_pipeline(place, path, person(), why, data=data)
    gone = _end_deployments(settings, name)
    told = [entry.summary + ".", *(f"- {deployment}" for deployment in gone)]
    removed = delete_data(place, say) if data else 0
    if data:
        count = count_text(removed, "object is", "objects are")
        told = [f"{name} is ended, and {count} removed.", *told[1:]]
    else:
        told += _how_to_go_on(place, path.name)
    document = {"pipeline": name, "deployments": gone, "objects_removed": removed}
    show(document, as_json, lambda: "\n".join(told))


def _confirm(name: str, *, as_json: bool) -> None:
    """Let a person type the name.

    Raises:
        ConfigurationError: it is typed otherwise, or nobody is there to type.
    """
    asked = f"All rows, models and the ledger of {name} go for ever. Type {name} to go on"
    typed = "" if as_json else click.prompt(asked, default="", show_default=False, err=True)
    if typed.strip() != name:
        rule = "nothing was removed: the name was not typed"
        raise ConfigurationError(f"delete {name}", rule, remedy="Type it, or add --yes.")


def _end_deployments(settings: Settings, name: str) -> list[str]:
    """Remove the pipeline's deployments and automations; a folder has none."""
    if settings.folder is not None:
        return []
    from deployments.cli.apply import apply_all

    plan = apply_all(lambda _: None, only=name)
    return [*(there.spec.name for there in plan.remove), *plan.automations.get("remove", ())]


def _how_to_go_on(place: Place, file: str) -> list[str]:
    from tasks.promotion import pointer

    told = [f"To begin again: rename {file}.ended back to {file}, and `perennial apply`."]
    found = pointer.read(place)
    if found is not None:
        told.append(
            f"Version {found[0].version} goes on answering over HTTP, until "
            f"`perennial delete {place.name} --data`."
        )
    return told
