"""Finding a pipeline's suite by the name of its module."""

from __future__ import annotations

from expectations.suite import Suite
from tasks.errors import ConfigurationError, bounded
from tasks.project import import_from_project


def find_suite(module: str) -> Suite:
    """Import `module` and return what its `suite()` returns.

    Raises:
        ConfigurationError: no such module, it fails, or the suite has no expectation.
    """
    try:
        found = import_from_project(module)
    except ModuleNotFoundError as error:
        # A module that the suite imports may be what is missing: then the suite is at fault.
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
    # Great Expectations 1.24 calls an empty suite a success: it would accept everything.
    if not made.expectations:
        remedy = "Add at least a row count and a not-null expectation."
        raise ConfigurationError(module, "a suite has expectations", "none", remedy)
    return made
