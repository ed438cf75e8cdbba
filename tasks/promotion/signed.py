"""The two objects that say who answers, signed: the champion pointer and the trial beside it. Pure.

The signature is over the whole document and for one pipeline, so that whoever can write to the
bucket, and has no key, puts nothing in service: no version that the gate refused, and no older one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from tasks.documents import Document, seal, unseal
from tasks.errors import IntegrityError
from tasks.signatures import canonical
from tasks.workspace import Place

Kind = Literal["champion pointer", "trial"]
SIGNATURE = "signature"


def sign_pointer(place: Place, kind: Kind, content: Mapping[str, Any]) -> bytes:
    """Return the content as it is stored: with its kind, its format and the signature over both.

    Raises:
        ConfigurationError: there is no signing key.
    """
    document = seal(kind, content)
    signature = place.keyring.sign(_purpose(place, kind), canonical(document))
    return canonical({**document, SIGNATURE: signature})


def verify_pointer(
    place: Place, kind: Kind, data: bytes, where: str, *, accept: bool = False
) -> Document:
    """Return the content of a stored document, once its signature holds.

    With `accept`, one that has none passes as well: what a release before signatures wrote.

    Raises:
        IntegrityError: it is another document, a newer release's, or not signed with a key that is
            believed.
    """
    accepting = f"`perennial verify {place.name} --accept`"
    # of a champion that is gone, it makes the pointer of what the ledger tells
    remedy = f"Move the object away, then {accepting}."
    try:
        document = json.loads(data)
    # the json module raises RecursionError on deeply nested brackets
    except (ValueError, RecursionError) as error:
        raise IntegrityError(where, f"it is a {kind}", error, remedy) from error
    signature = document.pop(SIGNATURE, None) if isinstance(document, dict) else None
    # first of which release it is: what a newer one signs may be more than this one knows of
    content = unseal(kind, document, where, remedy)
    if signature is None and accept:
        return content
    if signature is None:
        told = f"See what it says, and {accepting} if an earlier release wrote it."
        raise IntegrityError(where, f"a {kind} is signed", "no signature", told)
    if not place.keyring.holds(_purpose(place, kind), canonical(document), signature):
        rule = f"it is as it was signed, by a key that is believed, for {place.name}"
        raise IntegrityError(where, rule, "another signature", remedy)
    return content


def _purpose(place: Place, kind: Kind) -> str:
    return f"perennial {kind} 1 of {place.name}"
