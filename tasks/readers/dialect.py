"""How a text file is written, told from its bytes: encoding, delimiter, lines before the header."""

from __future__ import annotations

import codecs
import csv
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.policy.reading import count_text
from tasks.readers.options import SourceOptions
from tasks.readers.read_csv import DELIMITERS
from tasks.readers.source import MIB
from tasks.readers.stream import BOM, tell_wide, unfold

LINES = 200  # looked at for the delimiter and the header
TITLES = 20  # lines that may stand before a header
SAMPLE = 64 * 1024  # bytes around letters of another encoding
# Of those that fit, the first is read; the others are choices.
ENCODINGS = ("cp1252", "cp1250", "cp1251", "koi8-r", "gb18030", "shift_jis", "euc-kr", "big5")


@dataclass(frozen=True)
class Dialect:
    """The options of a file, and in words what was recognised; several encodings are a choice."""

    options: SourceOptions
    notes: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ()


def find_dialect(path: Path, given: SourceOptions) -> Dialect:
    """Tell how a text file is written; what is `given` stays."""
    try:
        return _found(path, given)
    except (EOFError, OSError, zlib.error):
        return Dialect(given)  # a damaged gzip file, which the reader tells


def _found(path: Path, given: SourceOptions) -> Dialect:
    said = given.model_fields_set
    encodings, sample = _encodings(path)
    encoding = given.encoding if "encoding" in said else encodings[0]
    lines = _lines(path, encoding)
    options, notes, unnamed = given, [], tuple[str, ...]()
    if encoding != "utf-8":
        word = _word(sample, encoding)
        notes.append(f"encoding: {encoding}" + (f", as in `{word}`" if word else ""))
    skip = given.skip_lines
    marked = re.fullmatch(r"sep=(.)", lines[0].strip('\ufeff "\r\n')) if lines else None
    if marked and "skip_lines" not in said:
        skip = 1
        notes.append(f"the first line says `{lines[0].strip()}`")
    if "delimiter" in said:
        delimiter = given.delimiter
    elif marked:
        delimiter = marked[1]
    else:
        delimiter, skip = _shape(lines, skip if "skip_lines" in said else None)
        names = {mark: name for name, mark in DELIMITERS.items()}
        notes += (
            [f"fields are parted by {names.get(delimiter, 'blanks')}"] if delimiter != "," else []
        )
        if skip == 1 and "skip_lines" not in said and _lacks_a_name(lines, delimiter):
            skip, unnamed = 0, ("",)
            notes.append("the header has no name for the first column: row names of R, left out")
        count = count_text(skip, "line before the header is", "lines before the header are")
        notes += [f"{count} left out"] if skip else []
    quote = given.quote if "quote" in said else _quote(lines[skip:], delimiter)
    found = {"delimiter": delimiter, "encoding": encoding, "quote": quote, "skip_lines": skip}
    if unnamed and "leave_out" not in said:
        found["leave_out"] = unnamed
    options = given.model_copy(update=found)
    several = encodings if len(encodings) > 1 and "encoding" not in said else ()
    return Dialect(options, tuple(notes), several)


def _encodings(path: Path) -> tuple[tuple[str, ...], bytes]:
    """Return the encodings that all bytes fit, the likeliest first, and bytes that are no ASCII."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    sample, valid, start = b"", True, True
    for block in _blocks(path):
        if start:
            wide = tell_wide(block)
            if wide is not None:
                return (wide,), b""
            start = False
        if block.isascii() and not decoder.getstate()[0]:
            continue
        if len(sample) < SAMPLE:
            lines = (line + b"\n" for line in block.split(b"\n") if not line.isascii())
            sample += b"".join(lines)[:SAMPLE]
        if valid:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                valid = False
    # A file that ends inside a letter is cut, not of another encoding: the reader says so.
    return (("utf-8",) if valid else _legacy(sample)), sample


def _legacy(sample: bytes) -> tuple[str, ...]:
    fitting = tuple(name for name in ENCODINGS if _decodes(sample, name)) or ("latin-1",)
    high = re.findall(rb"[\x80-\xff]+", sample)
    alone = sum(len(run) for run in high if len(run) == 1)
    count = sum(map(len, high))
    # In western text, letters with accents stand alone between plain ones.
    if fitting[0] == "cp1252" and alone > 0.8 * count:
        return ("cp1252",)
    return fitting


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        sample[: sample.rfind(b"\n") + 1 or None].decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _word(sample: bytes, encoding: str) -> str:
    words = re.findall(r"\w*[^\W\d_a-zA-Z]\w*", sample.decode(encoding, "replace"))
    return words[0][:40] if words else ""


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as plain:
        file = unfold(plain)
        while block := file.read(MIB):
            yield block


def _lines(path: Path, encoding: str) -> list[str]:
    start = next(_blocks(path), b"").removeprefix(BOM)
    lines = codecs.getincrementaldecoder(encoding)("replace").decode(start).splitlines()
    # The last one may be cut.
    return lines[: min(LINES, len(lines) - 1 if len(start) == MIB else LINES)]


def _shape(lines: list[str], skip: int | None) -> tuple[str, int]:
    """Return the delimiter that cuts most lines into equally many fields, and the header's line."""
    best, delimiter, header = (0.0, 0), ",", skip or 0
    for mark in (*DELIMITERS.values(), " "):
        if mark == " " and best[0] == 1:
            break
        try:
            counts = [len(row) for row in csv.reader(lines[skip or 0 :], delimiter=mark) if row]
        except csv.Error:  # a field that is longer than the library reads
            continue
        if not counts:
            continue
        width, rows = Counter(counts).most_common(1)[0]
        first = counts.index(width)
        # Words have blanks in a table of any delimiter: these part all lines, or none.
        if width < 2 or first > TITLES or (mark == " " and rows < len(counts)):
            continue
        # A mark that the header lacks parts decimals, not columns.
        first = 0 if skip is not None or rows < 2 else first
        score = (rows / len(counts) - 0.2 * (first > 0 and counts[0] == 1), width)
        if score > best:
            best, delimiter = score, mark
            header = (skip or 0) + (_line_of(lines, first) if skip is None else 0)
    return delimiter, header


def _lacks_a_name(lines: list[str], delimiter: str) -> bool:
    """Say whether the header has a name fewer than the rows have values: R writes row names so.

    The first row would be read as the header, for it is as wide as the others.
    """
    # not cut as CSV: a quoted line end would make one row of both
    header, first = (line.split(delimiter) for line in lines[:2])
    named = all(name.strip() for name in header) and not any(map(_is_number, header))
    return len(header) == len(first) - 1 and named and any(map(_is_number, first))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[\s\"]*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?[\s\"]*", text) is not None


def _line_of(lines: list[str], row: int) -> int:
    """Return the line of a row, blank lines counted."""
    if row == 0:
        return 0
    filled = [place for place, line in enumerate(lines) if line.strip()]
    return filled[row]


def _quote(lines: list[str], delimiter: str) -> str:
    mark = re.escape(delimiter)
    text = "\n".join(lines)
    double, single = (
        len(re.findall(rf"(?:^|{mark}){sign}[^{sign}\n]*{sign}(?={mark}|$)", text, re.MULTILINE))
        for sign in ('"', "'")
    )
    if single > double and single >= len(lines) / 2:
        return "'"
    # Inches and lone marks in a file that quotes nothing are part of its texts; a text with line
    # ends or marks inside is quoted, and the last one may be cut.
    opened = re.search(rf'(?:^|{mark})"', text, re.MULTILINE)
    closed = re.search(rf'"(?={mark}|$)', text, re.MULTILINE)
    quoted = double or (opened and closed and (len(lines) > LINES // 2 or '""' in text))
    return "" if not quoted and text.count('"') % 2 else '"'
