.DEFAULT_GOAL := help
.PHONY: help setup run lint test test-rest test-all bench lock

unexport PYTHONDONTWRITEBYTECODE  # else each process would compile anew what it imports
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
REST := browser or postgres or real_data or real_texts or servers or statistics or variants
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
UV := UV_SYSTEM_CERTS=true UV_DEFAULT_INDEX=$${PIP_INDEX_URL:-$$($(BIN)/pip config get global.index-url 2>/dev/null)} \
	$(BIN)/uv pip install --quiet --python $(BIN)/python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## install everything into .venv, once

run: setup ## decide between a deep net and gradient boosting on the Boston data (no download)
	@$(BIN)/bakeoff run boston

test: lint ## lint, check types and imports, run the tests that need neither servers, nor real data, nor minutes
	@$(BIN)/pytest -m "not ($(REST))" --hypothesis-profile=quick

test-all: lint ## the same, and all tests at full size
	@$(BIN)/pytest

test-rest: setup ## the tests that `make test` leaves out
	@$(BIN)/pytest -m "$(REST)"

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup ## measure the engine and a search against their peers, what servers cost, and how time and memory grow; writes docs/benchmarks.md
	@$(BIN)/python -m benchmarks.boston
	@$(BIN)/python -m benchmarks.search
	@$(BIN)/python -m benchmarks.book
	@$(BIN)/python -m benchmarks.orchestration
	@$(BIN)/python -m benchmarks.start
	@$(BIN)/python -m benchmarks.size

lock: setup ## pin the dependencies of pyproject.toml anew, with hashes
	@$(BIN)/uv pip compile --universal --python-version 3.11 --extra dev --extra boosting --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --upgrade pyproject.toml -o requirements.lock

# uv installs in a fraction of the time that pip takes; it comes by pip from the same registry, with the lock's hashes.
# Where it cannot be had or fails, pip installs all the rest: the lock is then a constraint as well, since pip 23 would
# choose another version for a package that is wanted with an extra.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "bakeoff needs Python 3.11 to 3.13, and $(PYTHON) is another; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing what requirements.lock names into .venv, by uv; this takes about a minute, once."
	@$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	@sed '/^uv==/,/[^\\]$$/d' requirements.lock > .venv/rest.lock
	@{ $(PIP) --only-binary :all: --require-hashes -r .venv/uv.lock 2>.venv/uv.log && $(UV) --require-hashes -r requirements.lock; } || \
		{ echo "uv could not; pip does it, which takes some minutes (.venv/uv.log may say why)."; \
		$(PIP) --require-hashes -r .venv/rest.lock -c .venv/rest.lock; }
	@$(PIP) --no-deps --no-build-isolation --editable .
	@echo "Preparing what every first run needs, once: the tables of Prefect's and MLflow's databases, the libraries' bytecode."
	@$(BIN)/python -P -m flows.runtime.warm_up >.venv/warm_up.log 2>&1 || { cat .venv/warm_up.log; exit 1; }
	@touch $(STAMP)
