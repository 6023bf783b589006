# Everything here works in a fresh clone: the first target that needs it makes .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help dev test long check soak proof peers clean

PYTHON ?= $(firstword $(foreach p,python3.11 python3 python3.12 python3.13,$(shell $(p) -c \
	'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
BIN := .venv/bin

help: ## this list
	@awk -F ':.*## ' '/^[a-z.]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv: .venv/installed ## install into .venv, only when something changed

.venv/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Tavola needs Python 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

dev: .venv/installed ## run all of Tavola on this machine; Ctrl-C stops it (ARGS='--bots 5 --edges 2')
	@exec $(BIN)/tavola dev $(ARGS)

test: .venv/installed ## run the tests, on servers that they start themselves (ARGS='tests/unit -x')
	@$(if $(ARGS),$(BIN)/python -m pytest $(ARGS),tests/run)

check: .venv/installed ## lint, format and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

long: .venv/installed ## what `make test` leaves out for time: planted bugs, dying stacks, properties on 2,000 random games each (ARGS=tests/property: 5 to 7 minutes)
	@$(BIN)/python -m pytest -m long --hypothesis-profile=long $(ARGS)

soak: .venv/installed ## ten minutes of play while things break; writes a report (REPORT=report/soak.html)
	@$(BIN)/tavola load --scenario load/scenarios/soak.toml --report $(or $(REPORT),report/soak.html) $(ARGS)

proof: .venv/installed ## a thousand faults of all kinds, and a verdict from evidence (REPORT=report/proof.html)
	@$(BIN)/tavola load --scenario load/scenarios/proof.toml --report $(or $(REPORT),report/proof.html) $(ARGS)

peers: .venv/installed ## Tavola, its peers and the floor in one run; needs Node 20 (ARGS='--tables 200 --only ours,colyseus-pg')
	@$(BIN)/python -m tavola.load.bench.peers $(ARGS)

clean: ## remove .venv and caches; .tavola, the data, stays
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.tavola/*' -prune -exec rm -rf {} +
