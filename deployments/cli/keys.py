"""The commands about API keys of the prediction API, and about the keys that sign."""

from __future__ import annotations

import os
from pathlib import Path

import click

from deployments.cli.output import reporting, show, table
from deployments.cli.rotation import retire, rotate
from deployments.serving.keyfile import KEY_FILE, KEYS_NAME, changing, read_keys
from tasks.config import pipeline_names
from tasks.errors import ConfigurationError, did_you_mean
from tasks.serving.keys import EVERY, RATE, Key, make_key
from tasks.settings import home_folder, pipelines_folder
from tasks.store.layout import checked_name


@click.group()
def keys() -> None:
    """Make, list and remove the keys that open the prediction API; replace those that sign.

    On this machine alone the API is open until the first key is made.
    """


@reporting
@click.argument("name")
@click.option("--pipeline", "pipelines", multiple=True, help="Opens this one only; repeatable.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0),
    default=RATE,
    show_default=True,
    help="Requests a second; 0: any.",
)
def add(name: str, pipelines: tuple[str, ...], rate: float, as_json: bool) -> None:
    """Make a key for NAME and show it, this once."""
    scope = tuple(map(_checked_pipeline, pipelines)) or (EVERY,)
    with changing(path()) as known:
        if name in known:
            remedy = f"Remove it first: `perennial keys remove {name}`."
            raise ConfigurationError("API keys", "a name has one key", name, remedy)
        secret, known[name] = make_key(name, scope, rate)
    show(
        {"name": name, "key": secret, "pipelines": list(scope), "rate": rate},
        as_json,
        lambda: (
            f"{secret}\n\nThis is the key of {name}; it is not kept and cannot be shown again. "
            f"Send it as `Authorization: Bearer KEY`, {often(rate)}.\n"
            "From now on every request needs a key."
        ),
    )


@reporting
def list_keys(as_json: bool) -> None:
    """List who has a key, for what, and how often."""
    found = sorted(read_keys(path()).values(), key=lambda key: key.name)
    # Not `plain(key)`: the secret's digest is nobody's business.
    shown = [{"name": key.name, "pipelines": key.pipelines, "rate": key.rate} for key in found]
    show({"keys": shown}, as_json, lambda: _table(found))


@reporting
@click.argument("name")
def remove(name: str, as_json: bool) -> None:
    """Remove the key of NAME; it opens nothing within a second."""
    with changing(path()) as known:
        if known.pop(name, None) is None:
            remedy = f"{did_you_mean(name, known)} List them: `perennial keys list`.".strip()
            raise ConfigurationError("API keys", "the name has a key", name, remedy)
    show({"removed": name}, as_json, lambda: f"The key of {name} opens nothing any more.")


keys.add_command(add)
keys.add_command(list_keys, "list")
keys.add_command(remove)
keys.add_command(rotate)
keys.add_command(retire)


def path() -> Path:
    """Return where the keys lie: as the environment says, or in the stack's home."""
    named = os.environ.get(KEY_FILE, "")
    return Path(named) if named else home_folder() / KEYS_NAME


def _checked_pipeline(name: str) -> str:
    """Return the name of a pipeline, which need not be here: a key may come before it.

    Raises:
        ConfigurationError: it is none, or one that is here is nearly called so.
    """
    known = pipeline_names(pipelines_folder())
    asked = "" if checked_name(name) in known else did_you_mean(name, known)
    if asked:
        raise ConfigurationError("--pipeline", f"there is no pipeline {name}", remedy=asked)
    return name


def often(rate: float) -> str:
    """Say how often a key may be used.

    >>> often(100), often(0)
    ('at most 100 times a second (--rate)', 'as often as you like')
    """
    return f"at most {rate:g} times a second (--rate)" if rate else "as often as you like"


def _table(found: list[Key]) -> str:
    if not found:
        return "There is no key. On this machine alone, the prediction API is open without one."
    rows = [
        [key.name, ", ".join(key.pipelines), f"{key.rate:g} a second" if key.rate else "any"]
        for key in found
    ]
    return table(("name", "pipelines", "rate"), rows)
