"""What the lock holds, for who asks: a bill of materials, and a look for known weaknesses.

python -m tests.supply_chain sbom > sbom.json
python -m tests.supply_chain audit
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.utils import canonicalize_name

from tasks.settings import REPOSITORY

LOCK = REPOSITORY / "requirements.lock"
ROOT = "perennial-mlops"
PIN = re.compile(r"([A-Za-z0-9][\w.-]*)==([^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VIA = re.compile(r"    #(?: via|  ) ([\w.-]+)")
DATABASE = "https://api.osv.dev/v1/querybatch"
VARIABLE = "OSV_URL"  # another database that speaks the same
SECONDS = 30.0


@dataclass
class Locked:
    """One pin: its files' SHA-256, and the packages on whose account it is there."""

    name: str
    version: str
    hashes: list[str] = field(default_factory=list)
    via: list[str] = field(default_factory=list)

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def read_lock(text: str) -> list[Locked]:
    """Return the pins of a lock of `uv pip compile --generate-hashes`, in its order."""
    found: list[Locked] = []
    for line in text.splitlines():
        if pin := PIN.match(line):
            found.append(Locked(str(canonicalize_name(pin[1])), pin[2]))
        found[-1].hashes.extend(HASH.findall(line))
        if via := VIA.match(line):
            found[-1].via.append(str(canonicalize_name(via[1])))
    return found


def to_sbom(locked: Sequence[Locked], text: str, version: str) -> dict[str, Any]:
    """Return the lock as a CycloneDX document, the same for the same lock."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    root = {"type": "application", "bom-ref": ROOT, "name": ROOT, "version": version}
    # A package that is pinned twice, for two platforms, is needed by whoever needs its name.
    needs: dict[str, set[str]] = {ROOT: set()}
    refs = {package.name: package.purl for package in locked} | {ROOT: ROOT}
    for package in locked:
        needs.setdefault(package.purl, set())
        for parent in package.via:
            needs.setdefault(refs.get(parent, ROOT), set()).add(package.purl)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {"component": root},
        "components": [
            {
                "type": "library",
                "bom-ref": package.purl,
                "name": package.name,
                "version": package.version,
                "purl": package.purl,
                "hashes": [{"alg": "SHA-256", "content": hash} for hash in package.hashes],
            }
            for package in locked
        ],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(wanted)} for ref, wanted in sorted(needs.items())
        ],
    }


def find_advisories(locked: Sequence[Locked], url: str) -> Iterator[str]:
    """Yield, for people, each advisory that a database of OSV's kind has for a pin.

    Raises:
        OSError: it gives no answer.
        ValueError, KeyError: it answers something else.
    """
    asked = [{"package": {"purl": package.purl}} for package in locked]
    body = json.dumps({"queries": asked}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        results = json.loads(answer.read())["results"]
    for package, result in zip(locked, results, strict=True):
        for advisory in result.get("vulns", ()):
            yield f"{package.name} {package.version}: {advisory['id']}"


def main(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Print what is asked for; return 1 where a pin has an advisory, 2 for wrong use."""
    text = LOCK.read_text("utf-8")
    locked = read_lock(text)
    if list(arguments) == ["sbom"]:
        declared = (REPOSITORY / "pyproject.toml").read_text("utf-8")
        version = re.search(r'^version = "(.+)"$', declared, re.MULTILINE)
        print(json.dumps(to_sbom(locked, text, version[1] if version else "0"), indent=1))
        return 0
    if list(arguments) != ["audit"]:
        print(__doc__, file=sys.stderr)
        return 2
    url = environment.get(VARIABLE) or DATABASE
    try:
        found = list(find_advisories(locked, url))
    except (OSError, ValueError, KeyError) as error:
        print(f"Not audited: {url} gives no answer ({type(error).__name__}).")
        return 0
    for line in found:
        print(line)
    print(f"{len(found)} advisories for {len(locked)} pins.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
