"""The keys of the local stack, generated on first start into a file only the user can read."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from deployments.local.folder import write
from tasks.errors import ConfigurationError, StackError
from tasks.settings import parse_variables

REPLACE = "`perennial keys rotate signing`, then the same with s3 and with logins"
_key = partial(secrets.token_hex, 32)
_password = partial(secrets.token_hex, 16)
GENERATORS: Mapping[str, Callable[[], str]] = {
    # The lengths of AWS's own keys: 20 and 40 characters.
    "AWS_ACCESS_KEY_ID": lambda: "PN" + secrets.token_hex(9).upper(),
    "AWS_SECRET_ACCESS_KEY": partial(secrets.token_hex, 20),
    # People copy these into a page.
    "PERENNIAL_MLFLOW_OWNER": _password,
    "PERENNIAL_MLFLOW_VIEWER": _password,
    "PERENNIAL_RECEIVER_TOKEN": _key,
    "PERENNIAL_SIGNING_KEY": _key,
    "PREFECT_SERVER_API_AUTH_STRING": lambda: f"perennial:{_password()}",
    # Prefect wants a Fernet key: 32 bytes in URL-safe Base64, its padding kept.
    "PREFECT_SERVER_ENCRYPTION_KEY": lambda: base64.urlsafe_b64encode(
        secrets.token_bytes(32)
    ).decode(),
    "WEED_JWT_FILER_SIGNING_KEY": _key,
    "WEED_JWT_FILER_SIGNING_READ_KEY": _key,
    "WEED_JWT_SIGNING_KEY": _key,
    "WEED_JWT_SIGNING_READ_KEY": _key,
}


def render(values: Mapping[str, str]) -> str:
    """Return the text of the file."""
    lines = ["# Keys of the local stack. Whoever reads them can read and change every model."]
    return "\n".join([*lines, *(f"{name}={values[name]}" for name in sorted(values))]) + "\n"


def read(path: Path) -> dict[str, str] | None:
    """Return the secrets, or None when none were generated yet.

    Raises:
        StackError: others can read the file, it is not the user's own, or it is damaged.
    """
    try:
        # A link could lead to a file that somebody else can change.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        remedy = "Make it a plain file of your own."
        raise StackError(str(path), "it can be read", error.strerror, remedy) from error
    with os.fdopen(handle, encoding="utf-8", errors="replace") as file:
        # Asked of what was opened, not of the path, which may be another file by now.
        facts = os.fstat(file.fileno())
        mode = facts.st_mode & 0o777
        if mode & 0o077 or facts.st_uid != os.getuid():
            rule = "only you can read it"
            remedy = f"Run `chmod 600 {path}`. If others may have read it: {REPLACE}."
            raise StackError(str(path), rule, f"mode {mode:o}, uid {facts.st_uid}", remedy)
        try:
            return parse_variables(file.read(), str(path))
        except ConfigurationError as error:
            # new keys would open none of the data, and verify no model
            raise StackError(str(path), error.rule, error.came, "Restore it.") from error


def find_missing(found: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of what is to be generated still.

    >>> len(find_missing({})) == len(GENERATORS)
    True
    """
    return tuple(name for name in GENERATORS if name not in found)


def with_blanks(found: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets with nothing for those that are not generated yet: a look makes none."""
    return {**dict.fromkeys(GENERATORS, ""), **found}


def ensure(path: Path) -> dict[str, str]:
    """Return the secrets; generate those that are missing.

    Raises:
        StackError: as `read`.
    """
    found = read(path)
    if found is None:
        fresh = {name: generate() for name, generate in GENERATORS.items()}
        # Of two first starts at once, the slower one reads the other's keys.
        with suppress(FileExistsError):
            write(path, render(fresh), replace=False)
        found = read(path) or {}
    missing = {name: GENERATORS[name]() for name in find_missing(found)}
    # A home of an older release lacks what a newer one needs.
    if missing:
        found = {**found, **missing}
        write(path, render(found))
    return found


def replace(path: Path, values: Mapping[str, str]) -> None:
    """Write other secrets in the place of those that are there; names without a value go."""
    write(path, render({name: value for name, value in values.items() if value}))
