"""Which words are another spelling of one class. Pure."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

SIMILAR = 0.9  # of two long words that differ by one letter left out
LONG = 6  # letters: shorter words are too often alike


def find_twins(counts: Mapping[Any, int]) -> dict[str, str]:
    """Return the rarer spellings of one word among these, each with the commonest.

    A word that lacks a letter is none here: nobody said yet which of them are classes.

    Args:
        counts: each value with its rows.

    >>> find_twins({"Adelie": 90, "adelie ": 3, "Gentoo": 40}), find_twins({"A": 5, "A-": 4, 1: 2})
    ({'adelie ': 'Adelie'}, {})
    """
    first: dict[str | float, str] = {}
    found = {}
    texts = {value: rows for value, rows in counts.items() if isinstance(value, str)}
    for text in sorted(texts, key=lambda text: (-texts[text], text)):
        number = _number(text)
        known = first.setdefault(_plain(text) if number is None else number, text)
        if known != text:
            found[text] = known
    return found


def find_spelling(value: Any, known: Sequence[Any]) -> Any | None:
    """Return the known class that a value looks like another spelling of; None where none is.

    >>> find_spelling(">50K.", ["<=50K", ">50K"]), find_spelling("yes ", ["No", "Yes"])
    ('>50K', 'Yes')
    >>> find_spelling("1.0", ["0", "1"]), find_spelling("Chinstrp", ["Adelie", "Chinstrap"])
    ('1', 'Chinstrap')
    >>> find_spelling("grade B", ["grade A"]), find_spelling(2, [0, 1]), find_spelling("-1", ["1"])
    (None, None, None)
    """
    if not isinstance(value, str):
        return None
    texts = {str(other): other for other in known if isinstance(other, str)}
    number, plain = _number(value), _plain(value)
    for text, other in texts.items():
        # -1 and 1 differ by a dash alone, and are two classes
        numeric = number is not None or _number(text) is not None
        if number == _number(text) if numeric else plain == _plain(text):
            return other
    for text, other in texts.items():
        theirs = _plain(text)
        letters = plain.isalpha() and theirs.isalpha() and min(len(plain), len(theirs)) >= LONG
        # by a letter left out: one exchanged for another often tells two true classes apart, and
        # one at the front denies the word: typical, atypical
        if letters and plain[0] == theirs[0] and abs(len(plain) - len(theirs)) == 1:
            match = difflib.SequenceMatcher(None, plain, theirs, autojunk=False)
            if match.ratio() >= SIMILAR:
                return other
    return None


def _plain(text: str) -> str:
    """Return a text without case, accents, blanks, and full stops and quotes around it.

    >>> _plain(" Été. "), _plain(">50K.") == _plain("<=50K"), _plain("A-") == _plain("A")
    ('ete', False, False)
    """
    apart = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    word = "".join(bare.split()).strip(".,;:'\"_").lstrip("-")
    # a dash between letters joins them, at the end it is a grade: A-
    end = "-" if word.endswith("-") else ""
    return word.replace("-", "").replace("_", "") + end


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
