"""Compare what is installed with what the lock file pins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import metadata

from packaging.markers import Marker
from packaging.utils import canonicalize_name

PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;\\]+)\s*(?:;(?P<marker>[^\\]*))?")


def pins(text: str) -> dict[str, str]:
    """Return the version of each package that a lock file pins for this interpreter.

    >>> pins('b==2 ; sys_platform == "never" \\\\\\n    --hash=sha256:00\\na==1.0 \\\\')
    {'a': '1.0'}
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        pin = PIN.match(line)
        # A pin of another platform, or of another Python, stands beside ours.
        if pin and (not pin["marker"] or Marker(pin["marker"].strip()).evaluate()):
            found[canonicalize_name(pin["name"])] = pin["version"]
    return found


def read_installed() -> dict[str, str]:
    """Return the version of each installed package."""
    present = metadata.distributions()
    return {canonicalize_name(package.name): package.version for package in present}


def find_differing(pinned: Mapping[str, str], present: Mapping[str, str]) -> Iterator[str]:
    """Yield, for people, each package that is missing or of another version.

    >>> list(find_differing({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "1"}))
    ['b is 1, locked 2', 'c is missing, locked 3']
    """
    for name, version in sorted(pinned.items()):
        came = present.get(name, "missing")
        if came != version:
            yield f"{name} is {came}, locked {version}"
