"""Which columns hold personal data, by their names and by their values. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence

from tasks.drafting.target import words_of
from tasks.readers.kinds import TIMES
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
BIRTH = ("birth", "birthday", "birthdate", "dob", "geburtsdatum", "date of birth", "birth date")
MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}")
IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
CARD = re.compile(r"[3-6]\d{12,18}")
# With a plus, brackets or groups: bare digits are anything.
PHONE = re.compile(r"(?=.*[+()\s./-])\+?\(?\d[\d\s()./-]{6,18}\d")
DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")
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


def is_iban(text: str) -> bool:
    """Say whether a text is an account's number with its check digits (ISO 13616, mod 97).

    >>> is_iban("DE89 3704 0044 0532 0130 00"), is_iban("DE88370400440532013000")
    (True, False)
    """
    plain = text.replace(" ", "").upper()
    if not IBAN.fullmatch(plain):
        return False
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """Say whether a text is a card's number with its check digit (Luhn).

    >>> is_card("4111 1111 1111 1111"), is_card("4111111111111112")
    (True, False)
    """
    plain = re.sub(r"[ -]", "", text)
    if not CARD.fullmatch(plain):
        return False
    doubled = [int(digit) * 2 for digit in plain[-2::-2]]
    return (sum(map(int, plain[-1::-2])) + sum(d - 9 * (d > 9) for d in doubled)) % 10 == 0


def is_network_address(text: str) -> bool:
    """Say whether a text is an address of IPv4 or IPv6.

    >>> is_network_address("192.168.0.17"), is_network_address("1.2.3")
    (True, False)
    """
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_phone(text: str) -> bool:
    """Say whether a text is a phone's number as people write it; a date is none.

    >>> is_phone("+49 30 901820"), is_phone("(212) 555-0147"), is_phone("2024-01-31")
    (True, True, False)
    """
    digits = sum(sign.isdigit() for sign in text)
    return 8 <= digits <= 15 and bool(PHONE.fullmatch(text)) and not DATE.fullmatch(text[:10])


TESTS: dict[str, Callable[[str], bool]] = {
    "mail addresses": lambda text: bool(MAIL.fullmatch(text)),
    "bank accounts, with check digits that hold": is_iban,
    "card numbers, with check digits that hold": is_card,
    "addresses in a network": is_network_address,
    "phone numbers": is_phone,
}


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
