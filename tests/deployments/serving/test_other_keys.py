"""The key that signs is replaced, and the one before retired, while the API answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployments.local import secrets
from tasks.promotion.promote import promote
from tasks.promotion.signing import sign_anew
from tasks.settings import EARLIER, RETIRED, SIGNING, SIGNING_FILE
from tasks.signatures import Keyring
from tasks.store.s3 import S3Bucket
from tasks.workspace import Place
from tests.deployments.serving.conftest import Api, all_serve
from tests.deployments.serving.storm import request_of, under_load
from tests.served import champion, fitted, put_version
from tests.servers import S3, poll, running_serving, with_bucket

pytestmark = pytest.mark.system
NAME = "serve-signed"


def test_no_request_fails_and_what_an_old_key_signs_is_refused(s3: S3, tmp_path: Path) -> None:
    settings = with_bucket(s3, "other-keys").settings
    bucket, old, new = S3Bucket(settings), settings.keyring, Keyring("another key")
    made = champion(bucket, old, NAME)
    path = tmp_path / "secrets.env"
    secrets.replace(path, {SIGNING: old.current})
    told = {SIGNING_FILE: str(path)}
    with running_serving(settings, tmp_path / "serving.log", environment=told) as serving:
        api = Api(serving, settings, {NAME: made})
        poll(lambda: all_serve(api, NAME), 60, NAME, 0.2)

        def exchange() -> None:
            secrets.replace(path, {SIGNING: new.current, EARLIER: old.current})
            place = Place(bucket, NAME, replace(new, earlier=(old.current,)))
            assert sign_anew(place) == 2
            second = put_version(bucket, place.keyring, fitted(trees=60), NAME, "second")
            promote(place, second.version, by="ada", why="it is better")
            poll(lambda: api.version(NAME) == 2, 10, "the second version")
            secrets.replace(path, {SIGNING: new.current, RETIRED: old.current})

        found = under_load(serving, request_of(made, NAME), 6, exchange)
        assert (set(found.statuses), found.failures) == ({200}, [])
        # whoever has the old key alone
        forger = Place(bucket, NAME, replace(old, earlier=(new.current,)))
        promote(forger, 1, by="eve", why="for me")
        refused = "by a key that is believed"
        poll(lambda: refused in serving.log.read_text(errors="replace"), 10, "a refusal")
        assert api.version(NAME) == 2
