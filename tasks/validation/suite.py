"""Finding a pipeline's suite by the name of its module."""

from __future__ import annotations

from dataclasses import replace

from expectations.suite import Suite
from tasks.errors import ConfigurationError, bounded
from tasks.letters import compose
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
    return compose_names(made)


def compose_names(suite: Suite) -> Suite:
    """Return the suite with the names of its columns as files have them once they are read."""
    for expectation in suite.expectations:
        for part in ("column", "column_A", "column_B"):
            name = getattr(expectation, part, None)
            if isinstance(name, str) and compose(name) != name:
                setattr(expectation, part, compose(name))
        several = getattr(expectation, "column_list", None)
        if several and [*map(compose, several)] != [*several]:
            expectation.column_list = [*map(compose, several)]
    if suite.columns is None:
        return suite
    return replace(suite, columns={compose(name): kind for name, kind in suite.columns.items()})
