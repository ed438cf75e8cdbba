"""The servers that the tests lean on are real and closed."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from tests.servers import S3, bucket_is_there


def test_the_object_store_has_its_bucket(s3: S3) -> None:
    assert bucket_is_there(s3.settings)


@pytest.mark.parametrize("name", ["filer", "volume"])
def test_the_inner_ports_refuse_without_a_token(s3: S3, name: str) -> None:
    port = s3.ports.by_name()[name]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/buckets/{s3.settings.bucket}/a", timeout=5)
    with refused.value as answer:
        assert answer.code == 401
