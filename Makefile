.DEFAULT_GOAL := help
.PHONY: help setup run test bench lock

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## install everything into .venv, once

run: setup ## decide between a deep net and gradient boosting on the Boston data (no download)
	@$(BIN)/bakeoff run boston

test: setup ## lint, check types and imports, run all tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest

bench: setup ## measure the engine and a search against their peers, what servers cost, and how time and memory grow; writes docs/benchmarks.md
	@$(BIN)/python -m benchmarks.boston
	@$(BIN)/python -m benchmarks.search
	@$(BIN)/python -m benchmarks.book
	@$(BIN)/python -m benchmarks.orchestration
	@$(BIN)/python -m benchmarks.size

lock: setup ## pin the dependencies of pyproject.toml anew, with hashes
	@$(BIN)/pip install -q uv
	@$(BIN)/uv pip compile --universal --python-version 3.11 --extra dev --extra boosting --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --upgrade pyproject.toml -o requirements.lock

# The lock is a constraint as well: pip 23 would choose another version for a package that is wanted with an extra.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "bakeoff needs Python 3.11 to 3.13, and $(PYTHON) is another; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing into .venv; this takes some minutes, once."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock -c requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)
