"""Mirrors model versions in MLflow's registry: once each, however often it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlflow_server.users import MOVED, Move, parse_move
from tasks.errors import TrackingError
from tasks.tracking.client import address, connect, filter_by_tags, is_absent, is_taken
from tasks.tracking.record import KEY, VERSION, to_tags
from tasks.tracking.upload import ModelColumns, upload_model

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

MIRRORED = "perennial.pointer"


def register(
    server: str,
    *,
    pipeline: str,
    version: int,
    key: str,
    run_id: str,
    model: bytes,
    columns: ModelColumns,
    description: str,
    marks: Mapping[str, str],
    about: str = "",
) -> int:
    """Register an ONNX model under the pipeline's name and return MLflow's version number.

    A second call, also after a crash between any two requests, finds the first one's.

    Args:
        server, run_id: MLflow's address, and the run that made the model.
        pipeline, about: the registered model's name and description.
        version, key: our number and the training key, which identify it.
        model, columns: ONNX bytes, and what they take and give.
        description, marks: of the version; marks become its tags, the verdict among them.

    Raises:
        TrackingError: the server is down or refuses, or the bytes are no ONNX model.
    """
    identity = {VERSION: str(version), KEY: key}
    with connect(server, f"model {pipeline} {version}") as client:
        if found := _versions(client, pipeline, identity):
            return found[0]
        run = client.get_run(run_id)
        logged = upload_model(client, run, model, columns, identity)
        _name(client, pipeline, about)
        client.create_model_version(
            pipeline,
            f"models:/{logged}",
            run_id,
            # what identifies it comes last: no mark may take its place
            tags={**to_tags(marks), **identity},
            description=description,
            # MLflow's client would poll until the version is ready, for five minutes by default
            await_creation_for=None,
            model_id=logged,
        )
        # two processes may register at once: both keep the lowest number
        first, *others = _versions(client, pipeline, identity)
        for other in others:
            client.delete_model_version(pipeline, str(other))
        return first


def set_alias(server: str, pipeline: str, alias: str, version: int) -> None:
    """Point an alias at one of our versions; it leaves the version it was on.

    Raises:
        TrackingError: the server is down, or the version is not registered.
    """
    with connect(server, f"alias {alias} of model {pipeline}") as client:
        number = _number(server, client, pipeline, version)
        client.set_registered_model_alias(pipeline, alias, number)


def remove_alias(server: str, pipeline: str, alias: str) -> None:
    """Take an alias away; one that is not there stays away.

    Raises:
        TrackingError: the server is down or refuses.
    """
    with connect(server, f"alias {alias} of model {pipeline}") as client:
        try:
            client.delete_registered_model_alias(pipeline, alias)
        except Exception as error:
            if not is_absent(error):
                raise


def read_aliases(server: str, pipeline: str) -> dict[str, int]:
    """Return alias to our version; an alias on a version that is not ours is left out.

    Raises:
        TrackingError: the server is down or refuses.
    """
    ours: dict[str, int] = {}
    with connect(server, f"aliases of model {pipeline}") as client:
        model = _find_model(client, pipeline)
        for alias, number in (model.aliases if model else {}).items():
            version = client.get_model_version(pipeline, str(number)).tags.get(VERSION, "")
            if version.isdecimal():
                ours[alias] = int(version)
    return ours


def _versions(client: MlflowClient, pipeline: str, identity: Mapping[str, str]) -> list[int]:
    found = client.search_model_versions(f"name = '{pipeline}' and {filter_by_tags(identity)}")
    return sorted(int(known.version) for known in found)


def _number(server: str, client: MlflowClient, pipeline: str, version: int) -> str:
    found = _versions(client, pipeline, {VERSION: str(version)})
    if not found:
        rule = f"model {pipeline} has a version tagged {VERSION}={version}"
        where, remedy = f"MLflow at {address(server)}", "Register it first."
        raise TrackingError(where, rule, "none", remedy)
    return str(found[-1])


def _name(client: MlflowClient, pipeline: str, about: str) -> None:
    try:
        client.create_registered_model(pipeline, {"perennial.pipeline": pipeline}, about)
    except Exception as error:
        if not is_taken(error):
            raise
        if about and client.get_registered_model(pipeline).description != about:
            client.update_registered_model(pipeline, about)


def mirror_pointer(server: str, pipeline: str, alias: str, version: int, pointer_id: str) -> None:
    """Point the alias at the pointer's version, and remember the pointer that it was set for.

    Args:
        server, pipeline: MLflow's address, and the registered model's name.
        alias, version: which alias, on which of our versions.
        pointer_id: of the pointer; see `read_mirrored_pointer`.

    Raises:
        TrackingError: the server is down, or the version is not registered.
    """
    # the alias first: after a death between the two, the new pointer's tag beside the old alias
    # would look like a person who moved the alias by hand (tasks/reconciliation/alias.py)
    set_alias(server, pipeline, alias, version)
    with connect(server, f"model {pipeline}") as client:
        client.set_registered_model_tag(pipeline, MIRRORED, pointer_id)


def read_mirrored_pointer(server: str, pipeline: str) -> str:
    """Return the id of the champion pointer that the alias was last set for, or nothing.

    Raises:
        TrackingError: the server is down or refuses.
    """
    with connect(server, f"model {pipeline}") as client:
        model = _find_model(client, pipeline)
        return str(model.tags.get(MIRRORED, "")) if model else ""


def read_move(server: str, pipeline: str, alias: str) -> Move | None:
    """Return who pointed the alias where it is, and when; None where the server did not note it.

    Raises:
        TrackingError: the server is down or refuses.
    """
    with connect(server, f"aliases of model {pipeline}") as client:
        model = _find_model(client, pipeline)
    if model is None:
        return None
    move = parse_move(str(model.tags.get(MOVED, "")))
    # noted before it was done: one that was refused afterwards leaves the alias elsewhere
    told = None if move is None else (move.alias, move.version)
    return move if told == (alias, str(model.aliases.get(alias))) else None


def read_every_alias(server: str) -> dict[str, str]:
    """Return, for each registered model, its aliases and the pointer last mirrored, as one text.

    One request a thousand models; equal texts are one state of the aliases.

    Raises:
        TrackingError: the server is down or refuses.
    """
    found: dict[str, str] = {}
    with connect(server, "aliases of the models") as client:
        token: str | None = None
        while token is None or token:
            page = client.search_registered_models(max_results=1000, page_token=token)
            for model in page:
                said = (*sorted(model.aliases.items()), model.tags.get(MIRRORED, ""))
                found[model.name] = repr(said)
            token = page.token or ""
    return found


def _find_model(client: MlflowClient, pipeline: str) -> RegisteredModel | None:
    try:
        return client.get_registered_model(pipeline)
    except Exception as error:
        if is_absent(error):
            return None
        raise
