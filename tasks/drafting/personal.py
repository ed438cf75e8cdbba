"""Which columns hold personal data, by their names and by their values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tasks.drafting.target import words_of
from tasks.readers.kinds import TIMES
from tasks.readers.private import TESTS
from tasks.readers.study import ColumnStudy

MOST = 0.8  # the share of values that must read so; forms in the wild hold mistakes
# The name alone decides only where there are about as many values as people: `phone: yes/no`
# is a product, not a number.
PEOPLE = 50
NAMES = {
    "a mail address": ("email", "mail", "e mail"),
    "a phone number": ("phone", "telephone", "mobile", "telefon", "handy", "fax", "phone number"),
    "a person's name": (
        *("first name", "last name", "firstname", "lastname", "surname", "full name", "fullname"),
        *("middle name", "maiden name", "given name", "family name", "vorname", "nachname"),
        *("customer name", "patient name", "employee name", "contact name", "user name"),
    ),
    "an address": ("address", "street", "street address", "adresse", "strasse", "straße"),
    "a number of a person": ("ssn", "passport", "social security", "tax id", "national id"),
    "a bank account": ("iban", "account number"),
    "a card number": ("card number", "credit card", "cc num"),
    "an address in a network": ("ip", "ip address", "mac address"),
}
BIRTH = (
    "birth",
    "born",
    "geburtstag",
    "birthday",
    "birthdate",
    "dob",
    "geburtsdatum",
    "date of birth",
    "birth date",
)
# Of a column `name`: two words or more, each with a capital; a car's is rarely written so.
PERSON = re.compile(r"[A-ZÀ-Þ][^\W\d_]+,?(?: [\"(]*[A-ZÀ-Þ][^\d_,;]*)+")


def find_personal(
    columns: Mapping[str, ColumnStudy], samples: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Return what makes a column personal, by its name.

    Args:
        columns: what was seen of each column.
        samples: texts of each column of words, some hundred.
    """
    found = {}
    for name, column in columns.items():
        why = _by_values(samples.get(name, ())) or _by_name(column, samples.get(name, ()))
        if why:
            found[name] = why
    return found


def _by_values(texts: Sequence[str]) -> str | None:
    known = [text.strip() for text in texts if text and text.strip()]
    for what, test in TESTS.items():
        # The first text rules out most tests before all are read.
        if known and any(map(test, known[:5])):
            met = sum(map(test, known))
            if met >= MOST * len(known):
                return f"its values are {what}"
    return None


def _by_name(column: ColumnStudy, texts: Sequence[str]) -> str | None:
    words = f" {' '.join(words_of(column.name))} "
    if column.kind in TIMES:
        born = any(f" {word} " in words for word in BIRTH)
        return "its name says a date of birth" if born else None
    many = column.distinct is None or column.distinct > PEOPLE or column.unique
    if not many or column.kind in ("number", "boolean"):
        return None
    for what, names in NAMES.items():
        if any(words.strip() == name or words.endswith(f" {name} ") for name in names):
            return f"its name says {what}"
    if words.strip() == "name" and texts:
        people = sum(bool(PERSON.fullmatch(text)) for text in texts)
        if people >= MOST * len(texts):
            return "its values are names of people"
    return None
