"""Secrets of sources, from the environment variables that the pipeline file names."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

from tasks.config.collect import Auth
from tasks.errors import ConfigurationError


def read_secret(variable: str, where: str, environment: Mapping[str, str] | None = None) -> str:
    """Return what the variable holds; `where` is the key of the file that names it.

    Raises:
        ConfigurationError: it is not set, or empty.

    >>> read_secret("SHOP_TOKEN", "source.collect.auth.bearer", {})
    Traceback (most recent call last):
    ...
    tasks.errors.ConfigurationError: environment: source.collect.auth.bearer needs SHOP_TOKEN; \
got nothing. Set it where the worker runs, before `perennial up`.
    """
    text = (os.environ if environment is None else environment).get(variable, "").strip()
    if not text:
        remedy = "Set it where the worker runs, before `perennial up`."
        raise ConfigurationError("environment", f"{where} needs {variable}", "nothing", remedy)
    return text


def sign_request(auth: Auth | None, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the headers that sign a request.

    Raises:
        ConfigurationError: a variable is not set, or does not hold what it should.

    >>> sign_request(Auth(basic="LOGIN"), {"LOGIN": "ada:secret"})
    {'Authorization': 'Basic YWRhOnNlY3JldA=='}
    >>> sign_request(Auth(header="KEY"), {"KEY": "X-Api-Key: abc"})
    {'X-Api-Key': 'abc'}
    """
    if auth is None:
        return {}
    place = "source.collect.auth"
    if auth.bearer is not None:
        return _checked(
            "Authorization",
            f"Bearer {read_secret(auth.bearer, f'{place}.bearer', environment)}",
            auth.bearer,
        )
    if auth.basic is not None:
        pair = read_secret(auth.basic, f"{place}.basic", environment)
        if ":" not in pair:
            raise _malformed(auth.basic, "user:password")
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    assert auth.header is not None
    name, mark, value = read_secret(auth.header, f"{place}.header", environment).partition(":")
    if not mark or not name.strip() or not value.strip():
        raise _malformed(auth.header, "Name: value")
    return _checked(name.strip(), value.strip(), auth.header)


def _checked(name: str, value: str, variable: str) -> dict[str, str]:
    # A line end would begin another header; HTTP knows no other characters than these.
    if not (name + value).isascii() or not (name + value).isprintable():
        raise _malformed(variable, "printable ASCII")
    return {name: value}


def _malformed(variable: str, form: str) -> ConfigurationError:
    # What it holds is never told.
    rule = f"{variable} holds {form}"
    return ConfigurationError("environment", rule, "something else", "Set it anew.")
