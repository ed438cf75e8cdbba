"""Reads pipeline files, and says of a broken one which rules, what came and what is allowed."""

from __future__ import annotations

from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import ValidationError

from tasks.config.pipeline import Pipeline
from tasks.errors import ConfigurationError, did_you_mean
from tasks.store.layout import checked_name

TAG = "kind"  # the key that says which keys a section has beside it


def read_pipeline(path: Path) -> Pipeline:
    """Read and check one pipeline file.

    Raises:
        ConfigurationError: it cannot be read, is not YAML, or breaks a rule.
    """
    try:
        # safe: with the full loader a file could call any function of Python
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(str(path), "the file can be read", error.strerror) from error
    # ValueError: no UTF-8, or, from within PyYAML, a date such as 2024-13-45
    except (yaml.YAMLError, ValueError) as error:
        # PyYAML's message has several lines; ours has one
        fault = " ".join(str(error).split())
        raise ConfigurationError(str(path), "the file is YAML", fault, "Mend the line.") from error
    if not isinstance(content, dict):
        came = type(content).__name__
        raise ConfigurationError(str(path), "the file is a mapping of keys", came)
    return check_pipeline(content, path.stem)


def check_pipeline(content: dict[str, Any], name: str) -> Pipeline:
    """Return the pipeline that a file of this name holds, given what it says.

    Raises:
        ConfigurationError: it breaks a rule; every broken rule is named at once.
    """
    file = f"{name}.yaml"
    try:
        pipeline = Pipeline.model_validate(content)
    except ValidationError as error:
        faults = [_fault(detail) for detail in error.errors()]
        rule = "1 rule is broken" if len(faults) == 1 else f"{len(faults)} rules are broken"
        listed = "".join(f"\n  {fault}" for fault in faults)
        raise ConfigurationError(file, rule, remedy=listed) from error
    if name != pipeline.name:
        rule = f"the name is the file's own, {name}"
        raise ConfigurationError(file, rule, pipeline.name, "Rename one of them.")
    return pipeline


def find_pipeline(name: str, folder: Path) -> Pipeline:
    """Read the pipeline of this name from `folder`.

    Raises:
        ConfigurationError: there is none, or its file is not valid.
    """
    # before it becomes a path: a name could climb out of the folder
    checked_name(name)
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = pipeline_names(folder)
        listed = ", ".join(known) or "none"
        remedy = f"{did_you_mean(name, known)} Known: {listed}.".strip()
        rule = f"there is no file {name}.yaml in {folder}"
        raise ConfigurationError(f"pipeline {name}", rule, remedy=remedy)
    return read_pipeline(path)


def pipeline_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the pipelines in `folder`, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the pipeline file, for editors."""
    schema = Pipeline.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _fault(detail: Any) -> str:
    told, model = _follow(detail["loc"])
    where = ".".join(told) or "file"
    if detail["type"] == "extra_forbidden":
        allowed = tuple(_fields(model))
        hint = did_you_mean(told[-1], allowed)
        words = (f"{where}: no such key.", hint, f"Allowed: {', '.join(allowed)}.")
        return " ".join(filter(None, words))
    if detail["type"].startswith("union_tag"):
        return _tag_fault(where, detail.get("ctx", {}), model)
    if detail["type"] == "missing":
        return f"{where}: is needed. Add it."
    # pydantic 2 puts it before the text of a ValueError of ours
    message = detail["msg"].removeprefix("Value error, ")
    came = "" if isinstance(detail["input"], dict) else f"; got {detail['input']!r}"
    return f"{where}: {message}{came}."


def _tag_fault(where: str, said: Any, model: Any) -> str:
    tags = tuple(_tagged(model))
    listed = f"one of {', '.join(tags)}"
    if "tag" not in said:
        return f"{where}.{TAG}: is needed: {listed}. Add it."
    tag = str(said["tag"])
    return f"{where}.{TAG}: is {listed}; got {tag!r}. {did_you_mean(tag, tags)}".rstrip()


def _follow(location: tuple[str | int, ...]) -> tuple[list[str], Any]:
    """Return the keys that a person wrote, and the model that the last of them stands in."""
    told: list[str] = []
    model: Any = Pipeline
    within: Any = Pipeline
    for part in location:
        tagged = _tagged(model)
        if part in tagged:
            # The kind of a section that has several: its place in the message is no key.
            model = within = tagged[str(part)]
            continue
        told.append(str(part))
        within = model
        # In a mapping of names, such as source.columns, any name leads to the same keys.
        if get_origin(model) is dict:
            model = get_args(model)[1]
        else:
            field = _fields(model).get(str(part))
            model = None if field is None else _bare(field.annotation)
    return told, model if _tagged(model) else within


def _bare(kind: Any) -> Any:
    """Return the type without what stands around it: that it may be None, how it is told."""
    while get_origin(kind) is Annotated or type(None) in get_args(kind):
        kind = next(part for part in get_args(kind) if part is not type(None))
    return kind


def _tagged(kind: Any) -> dict[str, Any]:
    """Return the models of a section of several kinds, by kind; nothing of any other."""
    models = get_args(kind) if get_origin(kind) in (Union, UnionType) else ()
    fields = {model: getattr(model, "model_fields", {}).get(TAG) for model in models}
    return {
        str(tag): model
        for model, field in fields.items()
        if field is not None
        for tag in get_args(field.annotation)
    }


def _fields(model: Any) -> dict[str, Any]:
    fields = getattr(model, "model_fields", {})
    return {str(field.validation_alias or name): field for name, field in fields.items()}
