"""What a policy may say: a tree of signals, read from text or from a mapping.

::

    performance                          all: [new_rows 20000, {any: [drift, performance]}]
    any(performance, age 60d)            {any: [performance, age 60d]}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tasks.errors import ConfigurationError, bounded, did_you_mean
from tasks.policy.amounts import Amount
from tasks.policy.signals import SIGNALS, Signal

WHERE = "retraining.policy"
# Both bound what a person may write: brackets without end would end in a RecursionError, which no
# pipeline file should reach.
DEPTH, LENGTH = 8, 2000
How = Literal["any", "all"]


@dataclass(frozen=True)
class Condition:
    """One signal, and the amount it fires at; without one the pipeline's own limit holds.

    The amount of `new_rows` is an int of rows, or a float: a share of the rows fitted on.
    """

    signal: str
    amount: Amount | None = None

    def __str__(self) -> str:
        if self.amount is None:
            return self.signal
        return f"{self.signal} {SIGNALS[self.signal].write(self.amount)}"


@dataclass(frozen=True)
class Combination:
    """Any, or all, of several policies."""

    how: How
    members: tuple[Policy, ...]

    def __str__(self) -> str:
        return f"{self.how}({', '.join(str(member) for member in self.members)})"


Policy = Condition | Combination


def parse_policy(value: object, where: str = WHERE) -> Policy:
    """Read a policy, as text or as what YAML made of it; `str` gives its canonical text.

    Raises:
        ConfigurationError: a word, an amount or the nesting is wrong; the allowed words are
            named.

    >>> print(parse_policy({"any": ["performance", "age 8w"]}))
    any(performance, age 56d)
    >>> parse_policy("all(new_rows 20000, any(drift, performance))").how
    'all'
    """
    return _tree(value, where, 0)


def conditions(policy: Policy) -> tuple[Condition, ...]:
    """Return the different leaves of a policy, in the order written.

    >>> [str(leaf) for leaf in conditions(parse_policy("any(drift, all(age 3d, drift))"))]
    ['drift', 'age 3d']
    """
    if isinstance(policy, Condition):
        return (policy,)
    leaves = (leaf for member in policy.members for leaf in conditions(member))
    return tuple(dict.fromkeys(leaves))


def _tree(value: object, where: str, depth: int) -> Policy:
    if isinstance(value, Condition | Combination):
        return value
    if depth > DEPTH:
        raise ConfigurationError(where, f"policies nest at most {DEPTH} deep", remedy="Flatten it.")
    if isinstance(value, Mapping):
        return _mapping(value, where, depth)
    if not isinstance(value, str):
        rule = "a policy is text, or any/all of a list"
        raise ConfigurationError(where, rule, bounded(repr(value), 80), _allowed(""))
    text = value.strip().lower()
    if len(text) > LENGTH:
        raise ConfigurationError(where, f"a policy has at most {LENGTH} characters", len(text))
    found = re.fullmatch(r"(any|all)\s*\((.*)\)", text, flags=re.DOTALL)
    if found is None:
        return _leaf(text, where)
    parts = _parted(found[2], where, value)
    return _combined(found[1], [_tree(part, where, depth + 1) for part in parts], where)


def _mapping(value: Mapping[object, object], where: str, depth: int) -> Policy:
    if len(value) != 1:
        came = ", ".join(str(key) for key in value) or "nothing"
        raise ConfigurationError(where, "a mapping holds one word", came, _allowed(""))
    word, inner = next((str(key), inner) for key, inner in value.items())
    if word in ("any", "all"):
        if not isinstance(inner, list | tuple):
            raise ConfigurationError(f"{where}.{word}", "a list of policies", inner)
        members = [
            _tree(member, f"{where}.{word}.{place}", depth + 1)
            for place, member in enumerate(inner)
        ]
        return _combined(word, members, where)
    if isinstance(inner, Mapping | list | tuple | bool):
        raise ConfigurationError(
            f"{where}.{word}", "one amount, such as 30d", inner, _allowed(word)
        )
    return _leaf(f"{word} {'' if inner is None else inner}".strip().lower(), where)


def _combined(word: str, members: list[Policy], where: str) -> Policy:
    if not members:
        raise ConfigurationError(where, f"{word} holds at least one policy", "none")
    return Combination("any" if word == "any" else "all", tuple(members))


def _parted(text: str, where: str, whole: str) -> list[str]:
    """Split at the commas outside of brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    if depth:
        raise ConfigurationError(where, "every bracket is closed once", bounded(whole, 80))
    # "any()" holds nothing; "any(drift,)" holds an empty policy, which is refused as a word
    return [] if parts == [""] else parts


def _leaf(text: str, where: str) -> Policy:
    name, _, amount = text.partition(" ")
    word = SIGNALS.get(name)
    # before the word is looked up: "drift, age 30d" is a list without its any(…), no unknown word
    if any(mark in text for mark in "(),"):
        rule = "several policies are joined as any(…, …) or all(…, …)"
        name = re.split(r"\W", text)[0]
        raise ConfigurationError(where, rule, bounded(repr(text), 80), _allowed(name))
    if word is None:
        raise ConfigurationError(
            where, "a policy starts with a known word", bounded(repr(text), 80), _allowed(name)
        )
    amount = amount.strip()
    if not amount:
        if word.needed:
            raise ConfigurationError(where, f"{name} needs an amount", text, _written(word))
        return Condition(name)
    if word.amount is None:
        raise ConfigurationError(where, f"{name} stands alone", bounded(text, 80), _written(word))
    try:
        return Condition(name, word.amount(amount))
    except ValueError as error:
        # the cause is in the sentence: a person's slip needs no traceback
        raise ConfigurationError(where, str(error), bounded(text, 80), _written(word)) from None


def _written(word: Signal) -> str:
    return f"Write {word.example}; join several as any(…, …) or all(…, …)."


def _allowed(name: str) -> str:
    # one suggestion only: the allowed words follow anyway
    hint = did_you_mean(name, [*SIGNALS, "any", "all"])
    examples = ", ".join(word.example for word in SIGNALS.values())
    return f"{hint} Allowed: {examples}, any(…), all(…).".strip()
