"""What a person sets of a drafted file, as `KEY=VALUE`. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from tasks.errors import ConfigurationError
from tasks.letters import compose

PART = re.compile(r"\"((?:[^\"]|\"\")+)\"|([^.\"]+)")  # "" stands for a quote, as in CSV
# Quotes go in pairs: the sign in the name of a column is none between a key and its value.
PATH = re.compile(r"(?:\"[^\"]*\"|[^=\"])*(?==)")
REMEDY = "Write a key of the pipeline file and its value, such as training.trials=10."


def apply_settings(content: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Return the content with every `KEY=VALUE` set, and every `KEY+=VALUE` added to its list.

    Keys are those of the file, with points between them, in quotes where they hold one; values
    are YAML.

    Raises:
        ConfigurationError: it is not written so, or a part of the key holds no keys.

    >>> apply_settings({"key": []}, ["training.trials=3", "key+=id"])
    {'key': ['id'], 'training': {'trials': 3}}
    >>> apply_settings({}, ['source.columns."bmi>=30".decimal=,'])
    {'source': {'columns': {'bmi>=30': {'decimal': ','}}}}
    """
    made = copy.deepcopy(dict(content))
    for setting in settings:
        written = PATH.match(setting)
        path = "" if written is None else compose(written[0])
        if written is None or not PART.search(path.removesuffix("+")):
            raise ConfigurationError("--set", "it is KEY=VALUE", setting, REMEDY)
        parts = PART.findall(path.removesuffix("+"))
        *above, last = (quoted.replace('""', '"') or bare for quoted, bare in parts)
        place: Any = made
        for part in above:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ConfigurationError("--set", f"{part} holds keys", setting, REMEDY)
        read = _read(setting[written.end() + 1 :])
        if not path.endswith("+"):
            place[last] = read
            continue
        there = place.get(last, [])
        if not isinstance(there, list):
            raise ConfigurationError("--set", f"{last} is a list", setting, REMEDY)
        place[last] = [*there, *(read if isinstance(read, list) else [read])]
    return made


def flow(value: Any) -> str:
    """Return a value as YAML on one line.

    >>> flow(["id", "a, b"]), flow(None), flow("0 6 1 * *")
    ("[id, 'a, b']", 'null', '0 6 1 * *')
    """
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _read(value: str) -> Any:
    # a mark such as `|` or `%d` has a meaning of its own in YAML, and none here
    if len(value) == 1 and not value.isalnum():
        return value
    try:
        return yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):  # PyYAML's own of a date such as 2024-13-45
        return value
