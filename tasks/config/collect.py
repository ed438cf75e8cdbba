"""The section `source.collect:`: where rows come from by themselves, and how they are asked for."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tasks.config.query import query_fault
from tasks.config.sections import Duration, Encoding, FileSection, Names

VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
# What may change without making another source of it: its place in the source stays.
OPERATION = {"schedule", "pause", "retries", "timeout", "auth", "keys", "redirects"}


def _scalar(value: Any) -> Any:
    # Told here, once: of four kinds that it is none of, four would be told.
    if not isinstance(value, str | int | float | bool | date):
        raise ValueError("it is a text, a number, true or false")
    return _written_time(value)


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it begins with http:// or https:// and names a host")
    return url


def _query(text: str) -> str:
    fault = query_fault(text)
    if fault:
        raise ValueError(fault)
    return text


def _written_time(value: Any) -> Any:
    # Without quotes, YAML takes 2024-01-31 for a date.
    return value.isoformat() if isinstance(value, date) else value


WebAddress = Annotated[str, AfterValidator(_web_address)]


Value = Annotated[str | int | float | bool, BeforeValidator(_scalar)]


class SecretNames(FileSection):
    """Environment variables that hold secrets; the file holds their names alone."""

    @model_validator(mode="before")
    @classmethod
    def _names_alone(cls, content: Any) -> Any:
        # Of the whole section: the message for one value would show what was written there.
        if isinstance(content, dict):
            for name, text in content.items():
                if text is not None and not VARIABLE.fullmatch(str(text)):
                    raise ValueError(
                        f"{name} is the name of an environment variable, in capitals, that holds "
                        "the secret; the secret itself never stands in the file"
                    )
        return content


class Auth(SecretNames):
    """How requests are signed: by a token, by `user:password`, or by a line `Name: value`."""

    bearer: str | None = None
    basic: str | None = None
    header: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Auth:
        if sum(name is not None for name in (self.bearer, self.basic, self.header)) != 1:
            raise ValueError("auth is one of bearer, basic and header")
        return self


class Keys(SecretNames):
    """The credentials of a bucket."""

    access: str
    secret: str


class SecretAddress(SecretNames):
    """The address of a database, which holds a password."""

    env: str


class Scheduled(FileSection):
    """What collecting from any kind of source takes.

    Attributes:
        schedule: a cron line, in UTC.
        retries: of one request that got no answer, or one that says to come back.
    """

    # Keys whose value names environment variables.
    naming: ClassVar[tuple[str, ...]] = ("auth", "keys")

    schedule: str = "0 3 * * *"
    retries: int = Field(default=5, ge=0, le=20)

    @model_validator(mode="before")
    @classmethod
    def _shows_no_secret(cls, content: Any) -> Any:
        # Of the whole section: the message for the key alone would show what was written there.
        given = content if isinstance(content, dict) else {}
        told = [name for name in cls.naming if isinstance(given.get(name), str | list)]
        if told:
            raise ValueError(
                f"{told[0]} names environment variables, as in {told[0]}: {{…: VARIABLE}}; what "
                "they hold never stands in the file"
            )
        return content

    @property
    def identity(self) -> str:
        """What makes it this source: where it changes, collecting starts at the beginning."""
        told = self.model_dump(mode="json", exclude=OPERATION, exclude_defaults=True)
        return json.dumps(told, sort_keys=True)


class Collecting(Scheduled):
    """The same of a server that has to be given a time; `timeout` is of one request, whole."""

    timeout: Duration = "1m"


class WebCollecting(Collecting):
    """What collecting from a web server takes.

    Attributes:
        pause: between two requests.
        redirects: hosts, besides its own, that the address may lead to.
    """

    url: WebAddress
    pause: Duration = "0s"
    headers: dict[str, str] = Field(default_factory=dict)
    auth: Auth | None = None
    redirects: Names = ()

    @model_validator(mode="after")
    def _holds_no_secret(self) -> WebCollecting:
        if "@" in urlsplit(self.url).netloc:
            raise ValueError("url holds no user and password: name their variable under auth.basic")
        told = [name for name in self.headers if name.lower() in ("authorization", "cookie")]
        if told:
            raise ValueError(f"headers hold no {told[0]}: name its variable under auth.header")
        return self


class Paging(FileSection):
    """How one answer leads to the next.

    Attributes:
        kind: pages by number, rows by offset, a token from the answer before, or its Link header.
        parameter: of the request; by default `page`, `offset` or `cursor`.
        start: the number of the first page.
        size: the rows of a full page: a shorter one is the last. Without it, an empty one is.
        next: where the token stands in an answer, as names between dots.
    """

    kind: Literal["none", "page", "offset", "cursor", "link"] = "none"
    parameter: str | None = None
    start: int = Field(default=1, ge=0)
    size: int | None = Field(default=None, ge=1)
    next: str | None = None

    @model_validator(mode="after")
    def _knows_the_next(self) -> Paging:
        if (self.kind == "cursor") != (self.next is not None):
            raise ValueError("paging.next goes with kind: cursor, and says where the token stands")
        return self


class Since(FileSection):
    """Only new rows are asked for: those from the largest value of a column on.

    Attributes:
        parameter: of the request that takes the value.
        column: of the rows, whose largest value it is.
        start: what the first request asks for; without it, for everything.
    """

    parameter: str = Field(min_length=1)
    column: str = Field(min_length=1)
    start: Value | None = None


class HttpCollect(WebCollecting):
    """Rows of an API that answers in JSON.

    Attributes:
        params: of every request.
        rows: where the list of rows stands in an answer, as names between dots; empty where the
            answer is the list.
    """

    kind: Literal["http"]
    params: dict[str, Value] = Field(default_factory=dict)
    rows: str = ""
    paging: Paging = Paging()
    since: Since | None = None


class BucketCollect(Scheduled):
    """Objects under a prefix of someone else's bucket, each copied once as it is.

    `bucket` is a name, or `file:///folder`; `endpoint` the address of its store, by default
    Amazon's. `pause` lies between two objects.
    """

    kind: Literal["bucket"]
    bucket: str = Field(min_length=1)
    pause: Duration = "0s"
    prefix: str = ""
    endpoint: WebAddress | None = None
    region: str = "us-east-1"
    keys: Keys | None = None

    @model_validator(mode="after")
    def _can_be_opened(self) -> BucketCollect:
        if self.keys is None and not self.bucket.startswith("file://"):
            raise ValueError(
                "keys are needed: {access: VARIABLE, secret: VARIABLE} name where they stand"
            )
        return self


class SqlCollect(Collecting):
    """Rows of a query, which is asked in a transaction that only reads.

    Attributes:
        url: where the address stands, as SQLAlchemy writes it.
        query: one SELECT.
        since: a column of it that grows with new rows: only those from its largest value on are
            read. Without it all are, and those that landed before are left out.
    """

    naming: ClassVar[tuple[str, ...]] = ("url",)

    kind: Literal["sql"]
    url: SecretAddress
    query: Annotated[str, AfterValidator(_query)]
    since: str | None = Field(default=None, min_length=1)


class WebCollect(WebCollecting):
    """Rows of a table of a web page.

    Attributes:
        table: its number on the page, from 1, or words of its caption or its cells; not needed
            where there is one table.
        encoding: of the page, where what it says itself is wrong.
    """

    kind: Literal["web"]
    pause: Duration = "1s"
    table: Annotated[int, Field(ge=1)] | Annotated[str, Field(min_length=1)] | None = None
    encoding: Encoding | None = None


Collect = Annotated[
    HttpCollect | BucketCollect | SqlCollect | WebCollect, Field(discriminator="kind")
]
