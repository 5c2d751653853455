# Everything a person does with the checkout; `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto
PYTEST = $(BIN)/pytest -q -n $(JOBS) --dist worksteal --durations=10

.PHONY: help setup run test test-quick lint firmware guests bench picture clean soak coverage mutate

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(VENV)/.installed  ## a virtual environment in .venv with pytcg and all that the other targets need

run: setup  ## boot the demo kernel on this terminal (Ctrl-A x ends it)
	@$(BIN)/pytcg-system -M virt

test: setup  ## all tests, real guests included
	$(PYTEST)

test-quick: setup  ## the tests that take no more than a few seconds each
	$(PYTEST) -m "not slow" --hypothesis-profile=quick

COVERED = tcg backend frontend softmmu devices
coverage: setup  ## branch coverage of the quick tests, by file
	$(PYTEST) -m "not slow" --hypothesis-profile=quick $(COVERED:%=--cov=pytcg.%) --cov-branch --cov-report=term:skip-covered

mutate: setup  ## mistakes placed by hand, one at a time: the quick tests must find each (some minutes)
	nice $(BIN)/python -m tests.mutation

lint: setup  ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/mypy

firmware: setup  ## build the guest firmware and the demo kernel again
	$(BIN)/python firmware/build.py

guests:  ## fetch Debian's guests, firmware and QEMU by package name into guests/
	$(PYTHON) scripts/fetch_guests.py
	@$(PYTHON) -m scripts.fetch_programs

MINUTES ?= 5
soak: setup  ## all fuzzers, random programs against Unicorn, and Linux under load, for MINUTES
	nice $(BIN)/python -m tests.fuzz --minutes $(MINUTES)

bench: setup  ## measure beside QEMU
	$(BIN)/python -m benchmarks

picture: setup  ## record the session that README.md shows
	$(BIN)/python -m scripts.picture

clean:  ## remove what was built or fetched
	rm -rf $(VENV) guests dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "setup: Python 3.11 or later is needed")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); test "$$(id -u)" = 0 && \
		apt-get update -q && apt-get install -q -y python3-venv && $(PYTHON) -m venv $(VENV); } || \
		{ rm -rf $(VENV); echo "setup: $(PYTHON) cannot make a virtual environment (Debian: apt install python3-venv)" >&2; exit 1; }

# Modules are compiled here: where Python may write no bytecode, each start would compile them.
$(VENV)/.installed: $(BIN)/python pyproject.toml firmware/toolchain.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]' -r firmware/toolchain.txt
	$(BIN)/python -m compileall -q pytcg
	@touch $@
