"""Changes of a batch's schema that a person may accept, and which were accepted. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce


@dataclass(frozen=True)
class SchemaChanges:
    """What differs between a batch and the contract, as far as a person may accept it.

    Attributes:
        added: new columns with their kinds. Older rows read as missing there.
        lost: columns that batches may lack. Their rows read as missing there.
        widened: columns of whole numbers that now hold numbers. Older rows keep their values.
        classes: values of the target, as texts, that are classes of their own.
        concealed: rows of the batch, from 1, whose classes read like data of a person: they are
            accepted by their numbers, and stand among `classes` from then on.
    """

    added: Mapping[str, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    concealed: tuple[int, ...] = ()

    @property
    def anything(self) -> bool:
        return bool(self.added or self.lost or self.widened or self.classes or self.concealed)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Each change, and how rows read afterwards.

        >>> SchemaChanges({"promo": "number"}, widened=("amount",)).sentences
        ('promo is a new column (number); older rows are missing it', \
'amount holds numbers instead of whole numbers; older rows keep theirs')
        """
        return (
            *(
                f"{name} is a new column ({kind}); older rows are missing it"
                for name, kind in self.added.items()
            ),
            *(f"{name} may be absent; its rows are missing it" for name in self.lost),
            *(
                f"{name} holds numbers instead of whole numbers; older rows keep theirs"
                for name in self.widened
            ),
            *(f"{label} is a class of its own" for label in self.classes),
            *(
                f"the class of row {row:,}, not shown as it reads like data of a person, is one of "
                f"its own: --class {number}"
                for number, row in enumerate(self.concealed, start=1)
            ),
        )

    def plus(self, other: SchemaChanges) -> SchemaChanges:
        """Return both, each change once.

        >>> SchemaChanges(lost=("a",)).plus(SchemaChanges(lost=("a", "b"))).lost
        ('a', 'b')
        """
        return SchemaChanges(
            {**self.added, **other.added},
            tuple(dict.fromkeys((*self.lost, *other.lost))),
            tuple(dict.fromkeys((*self.widened, *other.widened))),
            tuple(dict.fromkeys((*self.classes, *other.classes))),
        )


def join_changes(changes: Iterable[SchemaChanges]) -> SchemaChanges:
    """Return what all of them let through."""
    return reduce(SchemaChanges.plus, changes, SchemaChanges())


def find_new_name(lost: str, added: Iterable[str]) -> str | None:
    """Return the new column that a lost one may have been renamed to; None where none is alike.

    >>> find_new_name("amount", ["id", "amount_eur"]), find_new_name("x", ["city"])
    ('amount_eur', None)
    """
    plain = {name.casefold(): name for name in added}
    close = difflib.get_close_matches(lost.casefold(), list(plain), n=1, cutoff=0.6)
    inside = [text for text in plain if len(lost) > 2 and lost.casefold() in text]
    return next((plain[text] for text in (*close, *inside)), None)
