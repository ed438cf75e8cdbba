"""A bucket whose keys were replaced: what was stored is there, and the keys before open nothing."""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import AccessDenied
from tasks.store.s3 import S3Bucket
from tests.servers import running_s3

pytestmark = pytest.mark.system


def test_other_keys_open_what_was_stored_and_the_ones_before_nothing() -> None:
    with tempfile.TemporaryDirectory(prefix="pn-") as name:
        home = Path(name).resolve()
        with running_s3(home) as before:
            S3Bucket(before.settings).put("kept", b"bytes")
        fresh = replace(
            before.settings,
            access_key=f"PN{secrets.token_hex(9).upper()}",
            secret_key=secrets.token_hex(20),
        )
        with running_s3(home, again=replace(before, settings=fresh)) as after:
            assert S3Bucket(after.settings).get("kept") == b"bytes"
            with pytest.raises(AccessDenied):
                S3Bucket(before.settings).get("kept")
