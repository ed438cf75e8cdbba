"""Bring the Prefect server's automations in line with the pipeline files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from deployments.apply.automations import PREFIX, Automation
from deployments.prefect_api import PAGE, read_pages
from tasks.errors import ConfigurationError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import Automation as Present
    from prefect.events.schemas.automations import AutomationCore


def bring_automations_in_line(
    client: SyncPrefectClient,
    wanted: Iterable[Automation],
    *,
    only: str | None = None,
    dry_run: bool = False,
) -> dict[str, list[str]]:
    """Create, update and remove our automations; return their names by what was done.

    Ours are known by their names; whether one is enabled is a person's. With `only`, none that
    belongs to another pipeline is touched.

    Raises:
        ConfigurationError: a notification block does not exist.
    """
    there = {automation.name: automation for automation in _every_automation(client)}
    specs = {automation.name: automation for automation in wanted}
    done: dict[str, list[str]] = {"create": [], "update": [], "remove": [], "unchanged": []}
    for name, spec in specs.items():
        core, present = _core(client, spec), there.get(name)
        if present is None:
            done["create"].append(name)
            if not dry_run:
                client.create_automation(core)
        elif _same(present, core):
            done["unchanged"].append(name)
        else:
            done["update"].append(name)
            if not dry_run:
                # A person's switch stays as they left it.
                kept = core.model_copy(update={"enabled": present.enabled})
                client.update_automation(present.id, kept)
    whose = PREFIX if only is None else f"{PREFIX}{only}: "
    for name in sorted(name for name in set(there) - set(specs) if name.startswith(whose)):
        done["remove"].append(name)
        if not dry_run:
            client.delete_automation(there[name].id)
    return done


def _every_automation(client: SyncPrefectClient) -> list[Present]:
    from prefect.events.schemas.automations import Automation as Present

    # The client's own call (3.8) leaves out fields that the server asks for.
    def read(start: int) -> Any:
        asked = {"limit": PAGE, "offset": start, "sort": "NAME_ASC"}
        return client.request("POST", "/automations/filter", json=asked).raise_for_status().json()

    every = map(Present.model_validate, read_pages(read))
    return [automation for automation in every if automation.name.startswith(PREFIX)]


def _core(client: SyncPrefectClient, spec: Automation) -> AutomationCore:
    from prefect.events.schemas.automations import AutomationCore

    return AutomationCore.model_validate(
        {
            "name": spec.name,
            "description": spec.description,
            "trigger": dict(spec.trigger),
            "actions": [_action(client, spec)],
        }
    )


def _action(client: SyncPrefectClient, spec: Automation) -> dict[str, Any]:
    action = dict(spec.action)
    if "deployment" in action:
        action["deployment_id"] = _deployment(client, action.pop("deployment"))
    if "block" in action:
        action["block_document_id"] = _block(client, action.pop("block"))
    return action


def _deployment(client: SyncPrefectClient, name: str) -> Any:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(name).id
    except ObjectNotFound:
        return UUID(int=0)  # it is to be created yet: this is a dry run


def _block(client: SyncPrefectClient, name: str) -> Any:
    from prefect.exceptions import ObjectNotFound

    kind, _, document = name.partition("/")
    try:
        return client.read_block_document_by_name(document, kind).id
    except ObjectNotFound as error:
        remedy = "Make it in Prefect (Blocks), or take it out of notifications.blocks."
        where = "notifications.blocks"
        raise ConfigurationError(where, "the Prefect block exists", name, remedy) from error


def _same(present: Present, wanted: AutomationCore) -> bool:
    fields = ("name", "description", "trigger", "actions")
    return all(_plain(getattr(present, name)) == _plain(getattr(wanted, name)) for name in fields)


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    if isinstance(value, dict):
        ours = value.keys() - {"id", "owner_resource"}  # which the server adds to triggers
        return {key: _plain(value[key]) for key in ours}
    if isinstance(value, list | tuple | set | frozenset):
        # Sets come back in any order, and as lists.
        return sorted((_plain(inner) for inner in value), key=str)
    return value
