"""Which keys every store takes: those that mean the same object on each of them."""

from __future__ import annotations

from tasks.errors import StoreError

LONGEST = 1024  # bytes of UTF-8: S3's own limit


def checked_key(key: str) -> str:
    """Return `key` if it names the same object on every store.

    Some stores fold `a//b` into `a/b`, resolve `..`, or take `a/` for a folder; such keys are
    refused everywhere, so that no two of them can meet.

    Raises:
        StoreError: the key is empty, too long, or would be folded.

    >>> checked_key("flights/incoming/2013 01.csv")
    'flights/incoming/2013 01.csv'
    >>> checked_key("flights//incoming")
    Traceback (most recent call last):
    ...
    tasks.errors.StoreError: object key: no empty, . or .. part; got 'flights//incoming'. \
Rename the object.
    """
    if not key or len(key.encode("utf-8", "surrogatepass")) > LONGEST:
        raise _refused(f"1 to {LONGEST} bytes", key)
    return _checked_parts(key, key.split("/"))


def can_be_key(key: str) -> bool:
    """Say whether a key that lies on some store names the same object on every one.

    >>> can_be_key("flights/incoming/a.csv"), can_be_key("flights/incoming/a\\n.csv")
    (True, False)
    """
    try:
        return bool(checked_key(key))
    except StoreError:
        return False


def checked_prefix(prefix: str) -> str:
    """Return `prefix` if it can begin a key; it may be empty, and may end in one slash.

    Raises:
        StoreError: no valid key can begin with it.

    >>> checked_prefix("flights/incoming/")
    'flights/incoming/'
    """
    return _checked_parts(prefix, prefix.split("/")[:-1])


def _checked_parts(text: str, parts: list[str]) -> str:
    if any(part in ("", ".", "..") for part in parts):
        raise _refused("no empty, . or .. part", text)
    # Control characters have no form in the XML that lists them, half a surrogate none in UTF-8.
    if any(ord(letter) < 32 or 0xD7FF < ord(letter) < 0xE000 for letter in text):
        raise _refused("no control characters", text)
    return text


def _refused(rule: str, came: str) -> StoreError:
    return StoreError("object key", rule, repr(came[:100]), "Rename the object.")
