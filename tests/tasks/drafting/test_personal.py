from __future__ import annotations

import pytest

from tasks.drafting.personal import find_personal
from tests.tasks.drafting.seen import column

MAILS = [f"user{i}@mail.example.org" for i in range(99)]
CARDS = ["4539 1488 0343 6467", "4716-9215-7830-9841", "6011514433546201"] * 30
IBANS = ["GB29 NWBK 6016 1331 9268 19", "FR1420041010050500013M02606"]
PEOPLE = [f"Braund, Mr. {a}wen {b}arris" for a in "OALEI" for b in "HMKPTBDFGRSVW"]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("contact", MAILS, "mail addresses"),
        ("kontakt", [*MAILS[:90], *["unknown"] * 9], "mail addresses"),
        ("paid_with", CARDS[::3], "card numbers"),
        ("refund_to", IBANS, "bank accounts"),
        ("peer", [f"10.0.{i}.7" for i in range(99)], "addresses in a network"),
        ("reach", [f"+44 20 7946 0{i:03d}" for i in range(99)], "phone numbers"),
        ("lastName", [f"Miller{i}" for i in range(99)], "a person's name"),
        ("home_address", [f"{i} Elm Street" for i in range(99)], "an address"),
        ("Name", PEOPLE, "names of people"),
    ],
)  # fmt: skip
def test_personal_data_is_found_by_value_or_by_name(
    name: str, values: list[str], said: str
) -> None:
    found = find_personal({name: column(name, "string", values)}, {name: values})
    assert said in found[name]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("phone", ["yes", "no"] * 50),  # whether there is one, not which
        ("Name", [f"chevrolet chevelle v{i}" for i in range(99)]),
        ("product_name", [f"Deluxe Chair {i}" for i in range(99)]),
        ("order", [f"{i:016d}" for i in range(4000, 4099)]),
        ("day", [f"2024-01-{i:02d}" for i in range(1, 29)]),
        ("amount", [f"1{i:02d}.50" for i in range(99)]),
        ("version", ["1.2.3", "1.2.4", "2.0.0"] * 30),
        ("release", ["91.0.4472.124", "10.0.19045.2965", "120.0.6099.9", "1.4.2.0"] * 25),
        ("isbn", ["978-3-16-148410-0", "0-306-40615-2", "979-8-88645-174-0"] * 30),
        ("population", [f"12.345.{i:03d}" for i in range(99)]),
    ],
)
def test_what_only_looks_alike_is_not_personal(name: str, values: list[str]) -> None:
    assert find_personal({name: column(name, "string", values)}, {name: values}) == {}


@pytest.mark.parametrize("name", ["birth_date", "born", "Geburtstag"])
def test_a_date_of_birth_is_personal(name: str) -> None:
    born = column(name, "date", ["1970-01-01", "1980-02-03"])
    assert "date of birth" in find_personal({name: born}, {})[name]
