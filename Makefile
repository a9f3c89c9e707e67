# make up      the gateway, from nothing        make test    the tests
# make check   what must pass before a merge    make help    the rest
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PORT ?= 8080
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet --quiet
# Processes of the tests: a few that were chosen have begun sooner in one. `make test WORKERS=4` sets it.
WORKERS ?= $(if $(ARGS),0,auto)
# The first Python that is new enough; `make up PYTHON=python3.12` names another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)

##@ Use
.PHONY: up
up: $(VENV)/.runtime ## Start the gateway on 127.0.0.1:$PORT (8080); the first time it gets what it needs
	@exec $(BIN)/weighbridge up --port $(PORT)

##@ Work on it
.PHONY: test
test: $(VENV)/.dev ## Run the tests, on all cores; ARGS="-k ledger" chooses, and runs them in one process
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup --no-loadscope-reorder $(ARGS)

.PHONY: check
check: format-check lint types contracts docs-check test ## All that must pass before a merge

.PHONY: format
format: $(VENV)/.dev ## Format the code and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .

.PHONY: format-check
format-check: $(VENV)/.dev
	@$(BIN)/ruff format --check .

.PHONY: lint
lint: $(VENV)/.dev ## Lint; a banned name's message says what to use
	@$(BIN)/ruff check .

.PHONY: types
types: $(VENV)/.dev ## Strict types over src, tests, tools, bench and conformance
	@$(BIN)/mypy

.PHONY: contracts
contracts: $(VENV)/.dev ## Imports point down
	@$(BIN)/lint-imports --no-cache

.PHONY: docs
docs: $(VENV)/.dev ## Write docs/reference/ and docs/pictures/ anew from the code
	@$(BIN)/python -m tools.reference
	@$(BIN)/python -m tools.plan_picture

.PHONY: docs-check
docs-check: $(VENV)/.dev
	@$(BIN)/python -m tools.reference --check
	@$(BIN)/python -m tools.plan_picture --check

.PHONY: bench
bench: $(VENV)/.dev ## Measure the gateway beside nginx; bench/README.md tells the rest
	@$(BIN)/python -m bench

.PHONY: conformance
conformance: $(VENV)/.dev ## Run clients' own test suites against the gateway; ARGS="--suite llm" chooses
	@$(BIN)/python -m conformance $(ARGS)

.PHONY: lock
lock: $(VENV)/.dev ## Choose the versions of all dependencies anew (needs uv)
	@tools/lock

.PHONY: clean
clean: ## Remove the environment and all caches (models and the ledger stay)
	@rm -rf $(VENV) .mypy_cache .ruff_cache tests/.ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# The environment. Each stamp is newer than what it was made from, or is made again.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Weighbridge needs Python 3.11 or newer; python3 here is \
	$$(python3 --version 2>&1 | tail -n 1). Install one, or name it: make up PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make environments: \
	install its venv module (Debian and Ubuntu: apt install python3-venv), then run this again." >&2; exit 1; }
	@echo "Making an environment in $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the packages of requirements.lock"
	@$(PIP) --require-hashes --requirement requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing the packages of requirements-dev.lock"
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@touch $@
