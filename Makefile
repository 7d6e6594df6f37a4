# Each target is a command of the house. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# The newest that is asked for by name wins: `make PYTHON=python3.12 test`.
PYTHON ?= python3

VENV := .venv
RUN := $(VENV)/bin

# A change of the lock makes the environment anew; a change of pyproject.toml only registers the package again.
LOCKED := $(VENV)/.locked
MADE := $(VENV)/.made
PEERS := interop/node_modules/.package-lock.json

# Whoever asks for no bytecode would have every command, server and worker of the tests compile it all again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env demo serve test check bench fuzz interop drill lock openapi clean

help: ## say what there is
	@echo "Sigillo: from a competency dossier to a credential that anyone can verify."
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo
	@echo "Start with 'make demo'. All that is needed is Python 3.11 or later; PYTHON=… names another one."

env: $(MADE) ## make the environment in .venv from the lock file (the others do it for you)
	@echo "The environment is ready in $(VENV)."

demo: $(MADE) ## live through the whole story once, over HTTP, in about two minutes
	@$(RUN)/sigillo demo

serve: $(MADE) ## start the service on http://localhost:8000
	@$(RUN)/sigillo serve

test: $(MADE) ## run the tests: on SQLite, and on PostgreSQL where its server is installed
	@$(RUN)/python -m pytest -n auto --dist worksteal -rs

check: test ## the gate: tests, format, lint, types, import contracts
	@$(RUN)/ruff format --check .
	@$(RUN)/ruff check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports

bench: $(MADE) ## measure, each figure beside a limit of the same run (N=1000000 adds a register of that size)
	@$(RUN)/python -m bench $(if $(N),--register $(N))

fuzz: $(MADE) ## ask the served contract 50,000 odd things and more as everybody, on each database (CASES=…, DATABASE=…, SEED=…)
	@for kind in $(or $(DATABASE),sqlite postgresql); do \
		$(RUN)/python -m tests.contract.fuzzing --cases $(or $(CASES),50000) --database $$kind \
			$(if $(SEED),--seed $(SEED)) || exit 1; \
	done

interop: $(MADE) $(PEERS) ## ask other people's verifiers (npm, PyPI, Maven) about what we issue
	@$(RUN)/python -m interop

drill: $(MADE) ## kill the service at random moments under load, and count what was lost (SHORT=1, KILLS=…, SEED=…)
	@$(RUN)/python -m drill $(if $(SHORT),--short) $(if $(KILLS),--kills $(KILLS)) \
		$(if $(DATABASE),--database $(DATABASE)) $(if $(SEED),--seed $(SEED))

openapi: $(MADE) ## write the published contract, openapi/openapi.json, anew, and the client's types by it
	@$(RUN)/sigillo openapi > openapi/openapi.json.new && mv openapi/openapi.json.new openapi/openapi.json
	@$(RUN)/python -m tests.contract.shapes

# Pins stay as they are unless pyproject.toml asks for more; UPGRADE=1 takes the newest of everything.
# No address and no path gets in, so the files mean the same wherever packages come from.
UV := $(firstword $(wildcard $(RUN)/uv) uv)
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)

lock: ## bring requirements/*.txt up to pyproject.toml (needs uv; UPGRADE=1 for the newest)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: install it with 'pip install uv'" >&2; exit 1; }
	$(COMPILE) --all-extras --group build pyproject.toml --output-file requirements/dev.txt
	$(COMPILE) -c requirements/dev.txt --extra server --extra postgres --extra hsm pyproject.toml --output-file requirements/server.txt
	$(COMPILE) -c requirements/dev.txt pyproject.toml --output-file requirements/client.txt
	$(COMPILE) -c requirements/dev.txt --group pyproject.toml:build --output-file requirements/build.txt

clean: ## remove the environment and the caches; keys/ and data/ stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist tests/interop/dss/target
	find app migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Without npm the peers that come from there are not asked; `make interop` says so, and in CI it fails.
$(PEERS): interop/package-lock.json
	@if command -v npm >/dev/null; then npm ci --silent --prefix interop && touch $@; \
		else echo "There is no npm: its peers will not be asked." >&2; fi

$(LOCKED): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Sigillo needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | head -1)." >&2; \
		echo "Name another one: make PYTHON=python3.11 …" >&2; exit 1; }
	@echo "Making the environment in $(VENV): under a minute, once."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(MADE): $(LOCKED) pyproject.toml
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
