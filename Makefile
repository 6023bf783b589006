# Everything here works in a fresh clone: the first target that needs it makes .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help dev test watch long check types client docs soak proof cluster-proof peers clean another

PYTHON ?= $(firstword $(foreach p,python3.11 python3 python3.12 python3.13 python3.14,$(shell $(p) -c \
	'import sys; (3, 11) <= sys.version_info < (3, 15) and print("$(p)")' 2>/dev/null)))
NO_PYTHON := { echo "Tavola needs Python 3.11 to 3.14: make PYTHON=/path/to/python3.11" >&2; exit 1; }
BIN := .venv/bin

# `make … PYTHON=python3.13`: an environment of another Python makes way.
VERSION := -c 'import sys; print(sys.version.split()[0])'
ifneq "$(origin PYTHON)" "file"
ifneq "$(shell $(PYTHON) $(VERSION))" "$(shell $(BIN)/python $(VERSION) 2>/dev/null)"
.venv/installed: another
endif
endif

help: ## this list
	@awk -F ':.*## ' '/^[a-z.-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv: .venv/installed ## install into .venv, only when something changed

.venv/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || $(NO_PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

another:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || $(NO_PYTHON)
	@rm -rf .venv

dev: .venv/installed ## run all of Tavola on this machine; Ctrl-C stops it (ARGS='--bots 5 --edges 2')
	@exec $(BIN)/tavola dev $(ARGS)

test: .venv/installed ## run the tests, on servers that they start themselves (ARGS=tests/unit/ws/test_protocol.py: one file, in seconds; PYTHON=python3.13)
	@$(if $(ARGS),$(BIN)/python -m pytest $(ARGS),tests/run)

watch: .venv/installed ## at each change, run the tests that it touches (ARGS=tests/unit/wire; the first run learns)
	@exec $(BIN)/watchfiles --filter python --ignore-paths .venv,tests/javascript/node_modules \
		'$(BIN)/python -m pytest --testmon --testmon-forceselect -q $(or $(ARGS),tests/unit)' actors clients edge games load storage tavola tests

check: .venv/installed ## lint, format, types and dead code of the Python and, with Node 20, of the JavaScript
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/vulture
	@$(BIN)/mypy
	@tests/javascript/check

types: .venv/installed ## write the wire's types from its schema, and tavola.d.ts from them and its source, tavola.js
	@$(BIN)/python clients/generate.py
	@tests/javascript/check --write

client: .venv/installed ## build what clients install alone, a wheel and an npm package, in build/client; nothing is published
	@clients/build

docs: .venv/installed ## the references from the code, and all of docs as a site in build/site; a dead link fails
	@$(BIN)/python docs/generate.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

long: .venv/installed ## what `make test` leaves out for time: planted bugs, dying stacks, properties on 2,000 random games each (ARGS=tests/property: 5 to 7 minutes)
	@$(BIN)/python -m pytest -m long --hypothesis-profile=long $(ARGS)

soak: .venv/installed ## ten minutes of play while things break; writes a report (REPORT=report/soak.html)
	@$(BIN)/tavola load --scenario load/scenarios/soak.toml --report $(or $(REPORT),report/soak.html) $(ARGS)

proof: .venv/installed ## a thousand faults of all kinds, and a verdict from evidence (REPORT=report/proof.html)
	@$(BIN)/tavola load --scenario load/scenarios/proof.toml --report $(or $(REPORT),report/proof.html) $(ARGS)

cluster-proof: .venv/installed ## hosts of a cluster are lost, one by one, while bots play; a verdict (root on Linux; 6 minutes; REPORT=report/cluster.html)
	@PYTHONPATH=tests $(BIN)/python -m cluster.proof --report $(or $(REPORT),report/cluster.html) $(ARGS)

peers: .venv/installed ## Tavola, its peers and the floor in one run; needs Node 20 (ARGS='--tables 200 --only ours --against ../before --pairs 8')
	@$(BIN)/python -m tavola.load.bench.peers $(ARGS)

clean: ## remove .venv and caches; .tavola, the data, stays
	rm -rf .venv build tests/javascript/node_modules *.egg-info .testmondata* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.tavola/*' -prune -exec rm -rf {} +
