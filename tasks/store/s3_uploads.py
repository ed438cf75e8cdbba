"""Uploads in parts that began and never ended: their parts take room, and no listing shows them."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any


def abandon(client: Any, bucket: str, before: datetime) -> int:
    """End the uploads of a client of boto3 that began before this time; return how many."""
    pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
    began = [upload for page in pages for upload in page.get("Uploads", ())]
    old = [upload for upload in began if upload["Initiated"] < before]
    for upload in old:
        # Ended meanwhile, by its client or by another who tidies: gone all the same.
        with suppress(client.exceptions.NoSuchUpload):
            client.abort_multipart_upload(
                Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
            )
    return len(old)
