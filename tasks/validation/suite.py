"""Finding a pipeline's suite by the name of its module."""

from __future__ import annotations

import importlib

from expectations.suite import Suite
from tasks.errors import ConfigurationError, bounded


def find_suite(module: str) -> Suite:
    """Import `module` and return what its `suite()` returns.

    Raises:
        ConfigurationError: no such module, it fails, or the suite has no expectation.
    """
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise ConfigurationError(module, "the suite can be imported", error) from error
        remedy = f"Write {module.replace('.', '/')}.py with a function suite()."
        raise ConfigurationError("suite", "its module exists", module, remedy) from error
    except Exception as error:
        came = f"{type(error).__name__}: {bounded(error, 300)}"
        raise ConfigurationError(module, "the suite can be imported", came) from error
    make = getattr(found, "suite", None)
    if not callable(make):
        raise ConfigurationError(module, "it defines suite()", "nothing", "Add the function.")
    try:
        made = make()
    except Exception as error:
        came = f"{type(error).__name__}: {bounded(error, 300)}"
        raise ConfigurationError(module, "suite() returns a Suite", came) from error
    if not isinstance(made, Suite):
        raise ConfigurationError(module, "suite() returns a Suite", type(made).__name__)
    return check_suite(made, module)


def check_suite(suite: Suite, where: str) -> Suite:
    """Return the suite if it can refuse anything.

    Raises:
        ConfigurationError: it has no expectation; an empty suite accepts everything.
    """
    if not suite.expectations:
        remedy = "Add at least a row count and a not-null expectation."
        raise ConfigurationError(where, "a suite has expectations", "none", remedy)
    return suite
