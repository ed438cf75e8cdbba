"""The text of a web page, by what its bytes, its server and its head say of the encoding. Pure.

In that order, as https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding
has it; a page that says nothing is UTF-8 where it reads as that, and else what Windows writes.
"""

from __future__ import annotations

import codecs
import re
from email.message import Message

HEAD = 1024  # bytes in which a page says its encoding
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
META = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
# Pages that say these are written in Windows' superset of them.
WINDOWS = ("iso8859-1", "ascii")
LOST = "\ufffd"  # stands for bytes that are no text in the page's encoding


def decode_page(content: bytes, content_type: str, encoding: str | None = None) -> str:
    """Return the page as text, with `LOST` for what does not read.

    >>> decode_page("<meta charset=latin1>5 €".encode("cp1252"), "text/html")[-3:]
    '5 €'
    >>> decode_page("é".encode(), "text/html"), decode_page(b"\\xe9", "text/html; charset=utf-8")
    ('é', '\ufffd')
    """
    mark = next((name for mark, name in MARKS if content.startswith(mark)), None)
    told = encoding or mark or _known(_charset(content_type)) or _known(_meta(content))
    if told is not None:
        return content.decode(told, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def is_page(content_type: str) -> bool:
    """Say whether a server calls its answer a page; one that says nothing may be.

    >>> is_page("text/html; charset=utf-8"), is_page("application/json"), is_page("")
    (True, False, True)
    """
    kind = content_type.partition(";")[0].strip().lower()
    return kind in ("", "text/html", "application/xhtml+xml")


def _charset(content_type: str) -> str:
    header = Message()
    header["content-type"] = content_type or "text/html"
    return header.get_content_charset("")


def _meta(content: bytes) -> str:
    found = META.search(content[:HEAD])
    name = "" if found is None else found[1].decode("ascii", "replace")
    # The head was read as bytes of one each: it is no UTF-16, whatever it says.
    return "utf-8" if name.lower().startswith("utf-16") else name


def _known(name: str) -> str | None:
    try:
        known = codecs.lookup(name).name if name else None
        "".encode(known or "utf-8")
    # ValueError: a name with a NUL; LookupError also for what encodes no text, such as base64
    except (LookupError, ValueError):
        return None
    return "cp1252" if known in WINDOWS else known
