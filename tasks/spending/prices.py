"""The price list: what an hour of a processor and a month of storage cost."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.errors import ConfigurationError, did_you_mean
from tasks.project import find_project

VARIABLE = "PERENNIAL_COST"
FILE = "cost.yaml"
GB = 1e9  # bytes, as those who sell them count


class PriceList(BaseModel):
    """Prices in one currency; nothing here computes on a GPU yet, so its hours are none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: str = Field(min_length=1, max_length=8)
    cpu_hour: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    gb_month: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    gpu_hour: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    def work(self, cpu_seconds: float) -> float:
        """Return the price of so much processor time.

        >>> PriceList(currency="EUR", cpu_hour=0.05).work(7200)
        0.1
        """
        return cpu_seconds / 3600 * self.cpu_hour

    def storage(self, size: int) -> float:
        """Return the price of so many bytes for a month.

        >>> PriceList(currency="EUR", gb_month=0.02).storage(5_000_000_000)
        0.1
        """
        return size / GB * self.gb_month


def find_prices(environment: Mapping[str, str] | None = None) -> PriceList | None:
    """Return the price list that `PERENNIAL_COST` names, or the project's `cost.yaml`, if any.

    Raises:
        ConfigurationError: the named file is not there, or breaks a rule.
    """
    named = (os.environ if environment is None else environment).get(VARIABLE)
    if named:
        return read_prices(Path(named).expanduser())
    project = find_project()
    path = None if project is None else project.root / FILE
    return read_prices(path) if path is not None and path.is_file() else None


def read_prices(path: Path) -> PriceList:
    """Read a price list.

    Raises:
        ConfigurationError: it cannot be read, is not YAML, or breaks a rule.
    """
    where, allowed = str(path), tuple(PriceList.model_fields)
    remedy = f"Write {', '.join(allowed)}, such as `currency: EUR` and `cpu_hour: 0.05`."
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValueError) as error:
        came = " ".join(str(error).split())
        raise ConfigurationError(where, "it is a price list in YAML", came, remedy) from error
    if not isinstance(content, dict):
        came = type(content).__name__
        raise ConfigurationError(where, "it is a mapping of keys", came, remedy)
    unknown = next((str(key) for key in content if key not in allowed), None)
    if unknown is not None:
        told = f"{did_you_mean(unknown, allowed)} {remedy}".strip()
        raise ConfigurationError(where, f"its keys are {', '.join(allowed)}", unknown, told)
    try:
        return PriceList.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"]))
        raise ConfigurationError(where, f"{key}: {fault['msg']}", fault["input"], remedy) from error
