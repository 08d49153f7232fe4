# make demo   installs the package into .venv and makes four heads, a contact sheet and a manifest in heads/
# make test   installs everything the tests need and runs what .ci/run runs
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV ?= .venv
OUT ?= heads/
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PYTEST_WORKERS ?= 2
PYTEST_ARGS ?=

.PHONY: demo test install install-test browser node lint types pytest format manifest wheel docs clean

demo: install
	HF_HUB_OFFLINE=1 $(BIN)/stylefaceuv generate --seed 7 --count 4 --out $(OUT)

# Types are checked beside the tests: mypy keeps one core busy, and the last test files leave one idle.
test: install-test node browser lint
	@$(MAKE) --no-print-directory -j2 types pytest

install: $(VENV)/.installed
install-test: $(VENV)/.installed-test

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed; name one with make PYTHON=..." >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[test]'
	@touch $(VENV)/.installed $@

# The Khronos glTF validator and three.js, for the tests of exported files.
node: $(if $(wildcard tests/export/package.json),tests/export/node_modules/.installed)

tests/export/node_modules/.installed: $(wildcard tests/export/package.json tests/export/package-lock.json)
	@command -v npm > /dev/null || $(MAKE) --no-print-directory apt-install PACKAGES='nodejs npm'
	cd tests/export && npm $(if $(wildcard tests/export/package-lock.json),ci,install) --no-audit --no-fund --loglevel=error
	@touch $@

browser:
	@command -v chromium > /dev/null || $(MAKE) --no-print-directory apt-install PACKAGES=chromium

.PHONY: apt-install
apt-install: SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
apt-install:
	$(SUDO) apt-get update -qq
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES) > /dev/null

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

pytest:
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

manifest: install
	$(BIN)/python -m stylefaceuv.training.update_manifest

wheel: install-test
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation -w dist .

docs: $(BIN)/python
	$(PIP_INSTALL) -e '.[docs]'
	$(BIN)/mkdocs build --strict --site-dir build/docs

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache tests/export/node_modules
