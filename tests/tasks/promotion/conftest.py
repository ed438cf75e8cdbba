"""A store of each kind, and a pipeline of its own for every test."""

from __future__ import annotations

import secrets

import pytest

from tasks.store.bucket import Bucket
from tasks.store.s3 import S3Bucket
from tests.buckets import local


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.system)])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """Return an in-memory store, then a real one."""
    if request.param == "memory":
        return local()
    return S3Bucket(request.getfixturevalue("s3").settings)


@pytest.fixture
def pipeline() -> str:
    """Return a name that no other test uses."""
    return f"p-{secrets.token_hex(6)}"
