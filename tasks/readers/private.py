"""Texts that read as data of a person, whatever column they stand in. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}")
ADDRESS = re.compile(r"[^@\s]@[^@\s]")
IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
CARD = re.compile(r"[3-6]\d{12,18}")
# With a plus, brackets or groups: bare digits are anything.
PHONE = re.compile(r"(?=.*[+()\s./-])\+?\(?\d[\d\s()./-]{6,18}\d")
NUMBER = re.compile(r"-?(0|[1-9]\d*)\.\d+")
DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")
GROUPED = re.compile(r"[1-9]\d{0,2}(\.\d{3})+")  # 12.345.678
# Of a release: groups behind the first that have one digit, which no part of a phone's number has.
VERSION = re.compile(r"(?=\d+(\.\d+)*\.\d(\.|$))\d+(\.\d+){2,}")
# With its last group, which alone is one sign; a bare one is anything.
BOOK = re.compile(r"(97[89][- ])?\d{1,7}[- ]\d{1,7}[- ]\d{1,7}[- ][\dX]")


def is_mail(text: str) -> bool:
    """Say whether a text is a mail address.

    >>> is_mail("ann@example.org"), is_mail("@ 3 each")
    (True, False)
    """
    return bool(MAIL.fullmatch(text))


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

    One of four digits is taken for a release: of so few addresses hardly one is a person's.

    >>> [is_network_address(text) for text in ("192.168.0.17", "1.2.3", "1.4.2.0")]
    [True, False, False]
    """
    if re.fullmatch(r"\d(\.\d){3}", text):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_phone(text: str) -> bool:
    """Say whether a text is a phone's number as people write it.

    A date, a fraction, a large number, a release and a book's number (ISO 2108) are none.

    >>> is_phone("+49 30 901820"), is_phone("(212) 555-0147"), is_phone("030.901820")
    (True, True, True)
    >>> is_phone("2024-01-31"), is_phone("50.123456"), is_phone("0.12345678")
    (False, False, False)
    >>> [is_phone(text) for text in ("12.345.678", "91.0.4472.124", "978-3-16-148410-0")]
    [False, False, False]
    """
    digits = sum(sign.isdigit() for sign in text)
    if not (8 <= digits <= 15 and PHONE.fullmatch(text)):
        return False
    plain = (NUMBER, GROUPED, VERSION, BOOK)
    return not (DATE.fullmatch(text[:10]) or any(form.fullmatch(text) for form in plain))


TESTS: Mapping[str, Callable[[str], bool]] = {
    "mail addresses": is_mail,
    "bank accounts, with check digits that hold": is_iban,
    "card numbers, with check digits that hold": is_card,
    "addresses in a network": is_network_address,
    "phone numbers": is_phone,
}


def conceal(value: object, personal: Collection[str]) -> object:
    """Return a value as it may be quoted, in a pipeline with these personal columns.

    Where a row's fields are shifted, a person's data stand in a column that is not personal.

    >>> conceal("ann@example.org", ["mail"]), conceal("gold", ["mail"]), conceal("a@b.org", [])
    ('(personal)', 'gold', 'a@b.org')
    """
    if not personal or not isinstance(value, str):
        return value
    text = value.strip()
    # an address may be cut, or stand among words
    told = bool(ADDRESS.search(text)) or any(test(text) for test in TESTS.values())
    return "(personal)" if told else value


def conceal_row(
    row: Mapping[str, Any], personal: Collection[str], key: Collection[str] = ()
) -> Mapping[str, Any]:
    """Return a row as it may be kept: without the personal columns, and nothing else that reads so.

    What identifies the row stays as it is, for labels are joined by it.

    >>> conceal_row({"id": "+49 30 901820", "mail": "a@b.org", "plan": "a@b.org"}, ["mail"], ["id"])
    {'id': '+49 30 901820', 'plan': '(personal)'}
    """
    if not personal:
        return row
    return {
        name: value if name in key else conceal(value, personal)
        for name, value in row.items()
        if name not in personal
    }
