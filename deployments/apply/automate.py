"""Bring the Prefect server's automations in line with the pipeline files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from deployments.apply.automations import PREFIX, STARTS, Automation, whom, with_others
from deployments.prefect_api import PAGE, do_each, read_pages
from tasks.errors import ConfigurationError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import Automation as Present
    from prefect.events.schemas.automations import AutomationCore

ABSENT = UUID(int=0)  # stands for a deployment that is to be created yet


@dataclass(frozen=True)
class Follow:
    """What turns the server's automations into the wanted ones; `blocks` holds ids by name."""

    create: tuple[Automation, ...]
    update: tuple[tuple[Present, Automation], ...]
    remove: tuple[Present, ...]
    unchanged: tuple[str, ...]
    blocks: Mapping[str, Any]

    def names(self) -> dict[str, list[str]]:
        """Return the automations' names by what is done."""
        return {
            "create": [spec.name for spec in self.create],
            "update": [spec.name for _, spec in self.update],
            "remove": [present.name for present in self.remove],
            "unchanged": [*self.unchanged],
        }


def plan_automations(
    client: SyncPrefectClient,
    wanted: Iterable[Automation],
    deployments: Mapping[str, Any],
    *,
    only: str | None = None,
) -> Follow:
    """Compare our automations with those that the server has; `deployments` holds ids by name.

    Ours are known by their names. With `only`, nothing changes for another pipeline.

    Raises:
        ConfigurationError: a notification block does not exist.
    """
    there = {automation.name: automation for automation in _every_automation(client)}
    if only is not None:
        wanted = with_others(wanted, {name: _whom(known) for name, known in there.items()}, only)
    specs = {automation.name: automation for automation in wanted}
    named = {action["block"] for spec in specs.values() if "block" in (action := spec.action)}
    blocks = {name: _block(client, name) for name in sorted(named)}
    same = {
        name
        for name in specs.keys() & there.keys()
        if _same(there[name], _core(specs[name], deployments, blocks))
    }
    gone = sorted(there.keys() - specs.keys())
    if only is not None:
        ended = tuple(PREFIX + what for what in STARTS)
        gone = [name for name in gone if name in ended or name.startswith(f"{PREFIX}{only}: ")]
    return Follow(
        create=tuple(spec for name, spec in specs.items() if name not in there),
        update=tuple(
            (there[name], spec) for name, spec in specs.items() if name in there.keys() - same
        ),
        remove=tuple(there[name] for name in gone),
        unchanged=tuple(name for name in specs if name in same),
        blocks=blocks,
    )


def carry_out_automations(
    client: SyncPrefectClient,
    plan: Follow,
    deployments: Mapping[str, Any],
    step: Callable[[int], None],
) -> None:
    """Create, update and remove automations; whether one is enabled is a person's.

    `step` takes how many more are done.
    """

    def update(pair: tuple[Present, Automation]) -> None:
        present, spec = pair
        core = _core(spec, deployments, plan.blocks)
        kept = core.model_copy(update={"enabled": present.enabled})
        client.update_automation(present.id, kept)

    cores = [_core(spec, deployments, plan.blocks) for spec in plan.create]
    do_each(client.create_automation, cores, step)
    do_each(update, plan.update, step)
    do_each(lambda present: client.delete_automation(present.id), plan.remove, step)


def _every_automation(client: SyncPrefectClient) -> list[Present]:
    from prefect.events.schemas.automations import Automation as Present

    # The client's own call (3.8) leaves out fields that the server asks for.
    def read(start: int) -> Any:
        asked = {"limit": PAGE, "offset": start, "sort": "NAME_ASC"}
        return client.request("POST", "/automations/filter", json=asked).raise_for_status().json()

    every = map(Present.model_validate, read_pages(read))
    return [automation for automation in every if automation.name.startswith(PREFIX)]


def _whom(present: Present) -> tuple[str, ...]:
    # a person may have made another kind of trigger of it
    match = present.trigger.model_dump(mode="json").get("match")
    return whom(match) if isinstance(match, dict) else ()


def _core(
    spec: Automation, deployments: Mapping[str, Any], blocks: Mapping[str, Any]
) -> AutomationCore:
    from prefect.events.schemas.automations import AutomationCore

    action = dict(spec.action)
    if "deployment" in action:
        action["deployment_id"] = deployments.get(action.pop("deployment"), ABSENT)
    if "block" in action:
        action["block_document_id"] = blocks[action.pop("block")]
    return AutomationCore.model_validate(
        {
            "name": spec.name,
            "description": spec.description,
            "trigger": dict(spec.trigger),
            "actions": [action],
        }
    )


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
