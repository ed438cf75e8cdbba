"""What is stored, in which format, and how an older document becomes a present one. Pure.

A stored document says its kind and its format. A release reads what the two before it wrote: an
older document goes through `UPGRADES` step by step, and one of a newer format is refused by name.
Fields that a newer release added to a format are left out where the document is read
(`tasks.records`); what an older reader would misunderstand needs another format.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from tasks.errors import IntegrityError

Document = dict[str, Any]
Upgrade = Callable[[Any], Document]
RESTORE = "Restore the object."
MARK = "perennial"

# Each kind, and the format that this release writes. tests/golden/README.md says who writes and
# who reads each, and tests/golden has one of each of every release that is to be read.
DOCUMENTS: Mapping[str, int] = {
    "backlog": 1,
    "backtest": 1,
    "champion pointer": 1,
    "claim": 1,
    "collecting": 1,
    "cost": 1,
    "encoders": 1,
    "entry": 1,
    "estimator": 1,
    "explanation": 1,
    "forest": 1,
    "history": 1,
    "labels report": 1,
    "ledger head": 1,
    "linear": 1,
    "manifest": 1,
    "network": 2,
    "observation": 2,
    "outcome": 1,
    "pin": 1,
    "profile": 2,
    "reading": 1,
    "receipt": 1,
    "result": 1,
    "signs": 1,
    "starts": 1,
    "trial": 1,
    "tries": 1,
    "validation report": 1,
}


def add_the_clock(observation: Document) -> Document:
    """Return an observation of format 2: the time that a batch vouches for was its last row's.

    >>> add_the_clock({"last": "2013-04-30T23:00:00"})["clock"]
    '2013-04-30T23:00:00'
    """
    return {"clock": observation["last"], **observation}


def name_the_layers(layers: Any) -> Document:
    """Return a network of format 2: it was a list of weights and biases, and nothing around it.

    >>> name_the_layers([[], []])
    {'layers': [[], []]}
    """
    return {"layers": layers}


def lay_out_the_arrays(profile: Document) -> Document:
    """Return a profile of format 2: one zlib stream held the head, then each column's numbers.

    They lay as bytes in planes, in the type that the head names. A category's values were texts
    in the head.

    Raises:
        ValueError: the digest in front is of other bytes, or they end too early.
    """
    import numpy as np

    digest, body = profile["packed"][:32], profile["packed"][32:]
    # decompress() alone has no limit, and would not tell whether the end was cut off
    machine = zlib.decompressobj()
    whole = machine.decompress(body, 2**28)
    if hashlib.sha256(body).digest() != digest or not machine.eof:
        raise ValueError("other bytes")
    start = 8 + int.from_bytes(whole[:8], "little")
    head, place = json.loads(whole[8:start]), start
    target = [] if head["target"] is None else [head["target"]]
    parts = [head["columns"], head["predictions"], target]
    arrays: dict[str, list[Any]] = {"values": [np.zeros(0)], "counts": [np.zeros(0, np.int64)]}
    for column in itertools.chain(*parts):
        if column["kind"] == "category":
            column["texts"] = column.pop("values")
        for name in [name for name in ("values", "counts") if name in column]:
            kind, column["length"] = column.pop(name)
            shape = np.dtype(kind).itemsize, column["length"]
            planes = np.frombuffer(whole, np.uint8, shape[0] * shape[1], place).reshape(shape)
            arrays[name].append(np.ascontiguousarray(planes.T).view(kind).ravel())
            place += planes.size
    if place != len(whole):
        raise ValueError("nothing behind the last number")
    return {
        "rows": head["rows"],
        "parts": [len(part) for part in parts],
        "columns": [column for part in parts for column in part],
        "numbers": np.concatenate(arrays["values"]),
        "counts": np.concatenate(arrays["counts"]),
    }


# (kind, format): what makes the next format of it
UPGRADES: Mapping[tuple[str, int], Upgrade] = {
    ("network", 1): name_the_layers,
    ("observation", 1): add_the_clock,
    ("profile", 1): lay_out_the_arrays,
}


def seal(kind: str, content: Mapping[str, Any]) -> Document:
    """Return a document to be stored: the content with its kind and format.

    >>> seal("claim", {"training_key": "ab"})
    {'training_key': 'ab', 'perennial': 'claim 1'}
    """
    return {**content, MARK: f"{kind} {DOCUMENTS[kind]}"}


def unseal(kind: str, document: Any, where: str, remedy: str = RESTORE) -> Document:
    """Return the content of a stored document as its present format has it.

    A document without a mark is of release 0.1.0, and taken for format 1 of the kind asked for.

    Raises:
        IntegrityError: it is of another kind, of a newer release, or older than is read.

    >>> unseal("network", [[], []], "network.json")
    {'layers': [[], []]}
    >>> unseal("claim", {"perennial": "claim 9"}, "claim.json")
    Traceback (most recent call last):
    ...
    tasks.errors.IntegrityError: claim.json: this release reads a claim up to format 1; got format \
9, written by a newer release. Upgrade perennial.
    """
    number, content = 1, document
    if isinstance(document, dict):
        content = dict(document)
        if MARK in content:
            number = read_mark(kind, content.pop(MARK), where, remedy)
        # release 0.1.0 wrote a bare number beside the content, and no kind
        elif isinstance(content.get("format"), int):
            number = _check_format(kind, content.pop("format"), where)
    for step in range(number, DOCUMENTS[kind]):
        if (kind, step) not in UPGRADES:
            rule = f"this release reads a {kind} of the two releases before it"
            raise IntegrityError(where, rule, f"format {step}", "Upgrade a release at a time.")
        try:
            content = UPGRADES[kind, step](content)
        except (KeyError, TypeError, ValueError) as error:
            rule = f"it is a {kind} of format {step}"
            raise IntegrityError(where, rule, repr(error), remedy) from error
    if not isinstance(content, dict):
        came = type(content).__name__
        raise IntegrityError(where, f"it is a document of kind {kind}", came, remedy)
    return content


def unseal_bytes(kind: str, data: bytes, where: str, remedy: str = RESTORE) -> Document:
    """Return the content of a stored JSON document, as `unseal`."""
    try:
        document = json.loads(data)
    # the json module raises RecursionError on deeply nested brackets
    except (ValueError, RecursionError) as error:
        raise IntegrityError(where, f"it is a document of kind {kind}", error, remedy) from error
    return unseal(kind, document, where, remedy)


def magic(kind: str) -> bytes:
    """Return how a file that is no JSON begins: with its kind and format.

    >>> magic("forest")
    b'perennial forest 1\\n'
    """
    return f"{MARK} {kind} {DOCUMENTS[kind]}\n".encode()


def after_magic(kind: str, data: bytes, where: str, remedy: str) -> bytes:
    """Return what follows the first line, which `magic` wrote.

    Raises:
        IntegrityError: it is something else, or a newer release's.
    """
    # no kind's name is longer: of another file's bytes no more is searched, or shown in the error
    line, *_ = data[:64].partition(b"\n")
    read_mark(kind, line.decode("ascii", "replace").removeprefix(f"{MARK} "), where, remedy)
    return data[len(line) + 1 :]


def read_mark(kind: str, mark: Any, where: str, remedy: str = RESTORE) -> int:
    """Return the format that a mark of this kind tells.

    Raises:
        IntegrityError: it tells another kind, or a newer release's format.
    """
    name, _, number = str(mark).rpartition(" ")
    if name != kind or not number.isdigit():
        raise IntegrityError(where, f"it is a whole {kind}", repr(mark), remedy)
    return _check_format(kind, int(number), where)


def _check_format(kind: str, number: int, where: str) -> int:
    if number > DOCUMENTS[kind]:
        rule = f"this release reads a {kind} up to format {DOCUMENTS[kind]}"
        came = f"format {number}, written by a newer release"
        raise IntegrityError(where, rule, came, "Upgrade perennial.")
    return number
