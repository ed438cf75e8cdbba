"""The section `source:`: how a pipeline's files are written, where it is not the plain form."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from expectations.suite import Kind
from tasks.config.collect import Collect
from tasks.config.sections import Encoding, FileSection, Name, Names
from tasks.config.times import format_fault


def _format(text: str) -> str:
    fault = format_fault(text)
    if fault:
        raise ValueError(fault)
    return text


TimeFormat = Annotated[str, AfterValidator(_format)]
Word = Annotated[str, Field(max_length=64)]
Words = tuple[Word, ...]
Unit = Literal["s", "ms", "us", "ns"]


class Reading(FileSection):
    """How the texts of one column read.

    Attributes:
        kind: of the values; None where the contract, or the values, say it.
        missing: texts that stand for no value.
        decimal: the mark before the fraction.
        thousands: the mark between groups of three digits, or nothing.
        strip: characters that are no part of the value, such as `$` or `%`.
        format: of times, in the directives of strptime.
        unit: of times that are counts since 1970.
        yes: the texts that are true (`"true"` in the file).
        no: the texts that are false (`"false"` in the file).
    """

    # A person may mark 999 as missing without quotes.
    model_config = ConfigDict(coerce_numbers_to_str=True, populate_by_name=True)

    kind: Kind | None = None
    missing: Words = ()
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'", "\u00a0", "\u202f"] = ""
    strip: str = ""
    format: TimeFormat | None = None
    unit: Unit | None = None
    yes: Words = Field(default=(), validation_alias="true", serialization_alias="true")
    no: Words = Field(default=(), validation_alias="false", serialization_alias="false")

    @model_validator(mode="before")
    @classmethod
    def _texts(cls, content: Any) -> Any:
        # Without quotes, YAML takes the keys true and false for truth values.
        names = {True: "true", False: "false"}
        if not isinstance(content, dict):
            return content
        told = {
            names.get(key, key) if isinstance(key, bool) else key: value
            for key, value in content.items()
        }
        words = [told.get(name) for name in ("missing", "true", "false")]
        if any(
            isinstance(word, bool)
            for listed in words
            if isinstance(listed, list)
            for word in listed
        ):
            raise ValueError("YAML takes yes, no, on and off for truth values: put them in quotes")
        return told


class Derived(FileSection):
    """A column made of others: their texts joined by a blank, then read by `format`."""

    model_config = ConfigDict(populate_by_name=True)

    of: Names = Field(min_length=1, validation_alias="from", serialization_alias="from")
    format: TimeFormat


class SourceOptions(FileSection):
    """How the files are written; the defaults are plain CSV, and apply to JSON lines and Parquet.

    Attributes:
        skip_lines: before the header.
        names: of the columns, where no line holds them: the first line is a row.
        leave_out: columns that are not read; `""` is a column without a name.
        collect: where they come from by themselves; None where they are brought.
    """

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: Encoding = "utf-8"
    quote: str = Field(default='"', max_length=1)
    skip_lines: int = Field(default=0, ge=0, le=1000)
    names: Names = ()
    leave_out: Names = ()
    columns: dict[Name, Reading] = Field(default_factory=dict)
    derive: dict[Name, Derived] = Field(default_factory=dict)
    collect: Collect | None = None

    @model_validator(mode="after")
    def _agrees(self) -> SourceOptions:
        form = ("delimiter", "encoding", "quote", "skip_lines")
        told = [
            name for name in form if getattr(self, name) != type(self).model_fields[name].default
        ]
        if self.collect is not None and self.collect.kind == "web" and told:
            raise ValueError(
                f"a table of a page lands as plain CSV, however the page is written: leave out "
                f"{', '.join(told)}"
            )
        return self

    @property
    def written(self) -> dict[str, Any]:
        """What of it is not a default, as the pipeline file says it."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
