# Every task of this project. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo lab fix check test e2e soak bench audit docs clean

VENV := .venv
BIN := $(VENV)/bin
BUN := docker/node_modules/.bin/bun
export PATH := $(abspath $(BIN)):$(PATH)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.done: requirements.lock pyproject.toml
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

docker/node_modules/.done: docker/package-lock.json
	# By the lock and its sha512, like `npm ci`, which refuses a lock without the linter's builds for other machines.
	npm --prefix docker install --no-save --no-audit --no-fund --loglevel=error --ignore-scripts
	cd docker/node_modules/bun && node install.js
	touch $@

setup: $(VENV)/.done docker/node_modules/.done ## Make the environment, the engine, the image and the kernelspec ready
	@scripts/engine.sh
	@$(BIN)/bun-sandbox image build
	@$(BIN)/bun-sandbox install --sys-prefix

demo: setup ## Run the welcome notebook and print its outputs
	$(BIN)/python scripts/demo.py notebooks/01_welcome.ipynb

lab: setup ## Open JupyterLab on the notebooks
	$(BIN)/jupyter lab --notebook-dir notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

fix: $(VENV)/.done docker/node_modules/.done ## Format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	npm --prefix docker run --silent fix

check: $(VENV)/.done docker/node_modules/.done ## Lint, and type-check both languages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/hadolint docker/Dockerfile
	$(BIN)/shellcheck scripts/*.sh docker/scripts/*.sh .ci/run
	npm --prefix docker run --silent check

test: setup ## Run every test: pure ones, real engine, real browser where there is one
	cd docker && ../$(BUN) test
	$(BIN)/pytest

e2e: setup ## Run the browser tests alone, with a browser
	@scripts/browser.sh
	$(BIN)/pytest tests/e2e

soak: setup ## Start and end 200 kernels in every way, and count what is left of them
	$(BIN)/python -m tests.soak $(CYCLES)

bench: setup ## Measure the kernel against ipykernel, and a container that serves without one
	$(BIN)/python -m compileall -q bun_sandbox_kernel $(VENV)/lib
	$(BIN)/python -m ipykernel install --sys-prefix
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.http

audit: $(VENV)/.done ## Ask for known flaws in what is locked
	@scripts/audit.sh

docs: $(VENV)/.done ## Build the documentation as a site in build/docs; a link that leads nowhere ends it
	$(BIN)/sphinx-build --quiet --fresh-env --write-all --fail-on-warning --keep-going --conf-dir docs . build/docs
	@echo "The documentation is in build/docs/index.html"

clean: ## Remove what the targets above have made
	rm -rf $(VENV) docker/node_modules build dist
