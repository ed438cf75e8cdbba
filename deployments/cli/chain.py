"""What `doctor NAME` looks at: the chain of one pipeline, from its file to the watched model."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deployments.cli.output import page_width, table
from deployments.prefect_api import SERVICE_UNAVAILABLE
from tasks.config import Pipeline, find_pipeline
from tasks.errors import PerennialError
from tasks.policy.reading import count_text
from tasks.reconciliation.chain import ChainLink, first_fault, follow_chain, to_rows
from tasks.reconciliation.standing import count_labelled, read_standing
from tasks.records import plain
from tasks.settings import Settings, pipelines_folder
from tasks.workspace import Place, Workspace, make_workspace

if TYPE_CHECKING:
    import httpx

    from deployments.apply.plan import Plan

UP = "`perennial up`"


def walk_chain(name: str, connect: Callable[[], None], serving: str | None) -> list[ChainLink]:
    """Return the links of a pipeline's chain, in order, up to one that hides the rest.

    Args:
        name: the pipeline's.
        connect: puts the addresses of the servers into the environment.
        serving: the address of the prediction API, None where none is known.
    """
    links: list[ChainLink] = []
    try:
        pipeline = find_pipeline(name, pipelines_folder())
    except PerennialError as error:
        return [ChainLink("file", "wrong", str(error), "Mend the file.")]
    links.append(ChainLink("file", "ok", f"{name}.yaml is valid"))
    links.append(_look("suite", lambda: look_at_suite(pipeline), "Mend the suite."))
    try:
        connect()
        settings = Settings.from_environment()
    except PerennialError as error:
        return [*links, ChainLink("servers", "wrong", str(error), UP)]
    if settings.folder is None:
        links.append(_look("deployments", lambda: look_at_deployments(settings, name), UP))
    workspace = make_workspace(settings, pipeline)
    try:
        links += look_at_bucket(workspace)
    except PerennialError as error:
        return [*links, ChainLink("bucket", "wrong", str(error), UP)]
    if settings.folder is None and serving:
        names = [link.name for link in links]
        behind = names.index("champion") + 1
        links[behind:behind] = look_at_serving(workspace, serving)
    return links


def look_at_suite(pipeline: Pipeline) -> ChainLink:
    """Import the suite, as every ingest does."""
    from tasks.validation.suite import find_suite

    suite = find_suite(pipeline.suite)
    return ChainLink(
        "suite", "ok", count_text(len(suite.expectations), "expectation", "expectations")
    )


def look_at_deployments(settings: Settings, name: str) -> ChainLink:
    """Compare the server's deployments with the pipeline file."""
    from deployments.apply.act import apply
    from deployments.prefect_api import patiently

    plan = patiently(lambda: apply(settings, pipelines_folder(), only=name, dry_run=True))
    if plan.empty:
        return ChainLink("deployments", "ok", f"{len(plan.unchanged)} as the file says")
    return ChainLink("deployments", "wrong", count_differences(plan), f"`perennial apply {name}`")


def count_differences(plan: Plan) -> str:
    """Say how many deployments, and automations, the server lacks or has otherwise.

    >>> from deployments.apply.plan import Plan
    >>> count_differences(Plan(automations={"update": ["train on wish"], "create": ["a", "b"]}))
    'of the automations, 2 are missing, 1 differs'
    """
    counts = {
        "deployments": (len(plan.create), len(plan.update) + len(plan.remove)),
        "automations": (
            len(plan.automations.get("create", ())),
            sum(len(plan.automations.get(done, ())) for done in ("update", "remove")),
        ),
    }
    return "; ".join(
        f"of the {what}, {count_text(missing, 'is', 'are')} missing, "
        f"{count_text(other, 'differs', 'differ')}"
        for what, (missing, other) in counts.items()
        if missing or other
    )


def look_at_bucket(workspace: Workspace) -> tuple[ChainLink, ...]:
    """Read where the pipeline stands, and follow its chain."""
    from tasks.reconciliation.readable import find_unreadable

    return follow_chain(
        read_standing(workspace),
        datetime.now(UTC),
        count_labelled(workspace),
        find_unreadable(workspace),
        delayed=workspace.pipeline.monitoring.labels == "delayed",
        collects=workspace.pipeline.source.collect is not None,
    )


def look_at_serving(place: Place, address: str) -> Iterator[ChainLink]:
    """Ask the prediction API which version answers; nothing where no champion is to answer."""
    import httpx

    from tasks.promotion import pointer

    found = pointer.read(place)
    if found is None:
        return
    base = address.rstrip("/")
    try:
        answer = httpx.get(f"{base}/v1/{place.name}", timeout=5)
        if answer.status_code in (401, 403):
            # which version it is takes a key; whether it serves at all is told to anybody
            yield _read_ping(place.name, base, httpx.get(f"{base}/{place.name}/ping", timeout=5))
            return
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield ChainLink("serving", "wrong", f"{address}: {type(error).__name__}", UP)
        return
    served = _content_of(answer).get("version") if answer.is_success else None
    if served == found[0].version:
        yield ChainLink("serving", "ok", f"version {served} answers at {address}")
        return
    told = f"answers with version {served}" if served else f"says {answer.status_code}"
    remedy = "Wait a few seconds; then see the refusals in `perennial history`."
    yield ChainLink("serving", "wrong", f"it {told}, not version {found[0].version}", remedy)


def _read_ping(name: str, address: str, answer: httpx.Response) -> ChainLink:
    content = _content_of(answer)
    if content == {"name": name, "ready": True}:
        return ChainLink("serving", "ok", f"it serves {name}, and asks for a key")
    if answer.status_code == SERVICE_UNAVAILABLE and "error" in content:
        remedy = "Wait a few seconds; then see the refusals in `perennial history`."
        return ChainLink("serving", "wrong", f"it says: {content['error']}", remedy)
    found = f"what answers at {address} is not the prediction API"
    remedy = "See who listens there, and check PERENNIAL_SERVING_URL."
    return ChainLink("serving", "wrong", found, remedy)


def _content_of(answer: httpx.Response) -> dict[str, Any]:
    # The address is a person's, and whatever is there answers.
    try:
        content = json.loads(answer.text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def tell_chain(name: str, links: list[ChainLink]) -> str:
    """Return the links as a table, and the first thing that is wrong with what mends it."""
    told = table(["", "link", "found", "what to do"], to_rows(links), page_width())
    fault = first_fault(links)
    if fault is None:
        notes = ", ".join(link.name for link in links if link.state == "note")
        end = f"Nothing of {name} is broken; look at: {notes}." if notes else f"{name} is well."
        return f"{told}\n\n{end}"
    remedy = f" {fault.remedy}" if fault.remedy else ""
    return f"{told}\n\nFirst: {fault.name}: {fault.found.rstrip('.')}.{remedy}"


def describe_chain(name: str, links: list[ChainLink]) -> dict[str, Any]:
    """Return the links and the first fault as one document."""
    return {"pipeline": name, "links": plain(links), "first": plain(first_fault(links))}


def serving_address(addresses: dict[str, str]) -> str | None:
    """Return where the prediction API is: as the environment says, or the local stack's."""
    return os.environ.get("PERENNIAL_SERVING_URL") or addresses.get("serving")


def _look(name: str, look: Callable[[], ChainLink], remedy: str) -> ChainLink:
    try:
        return look()
    except PerennialError as error:
        return ChainLink(name, "wrong", str(error), error.remedy or remedy)
