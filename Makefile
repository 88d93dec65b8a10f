# From a fresh clone: `make demo` sets everything up and runs the main job; `make test` checks it.
#
#   PYTHON       the Python that makes the environment (3.11 or newer)
#   VENV         where the environment is made
#   OUT          where the demo writes its runs
#   TORCH_INDEX  an index of torch builds to take torch from. Empty: whatever pip's own index has;
#                on Linux that is a build with CUDA of several GB. For a machine without a GPU:
#                make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
#   WORKERS      processes that run the tests (default: one per core, at most 8)
PYTHON ?= python3
VENV ?= .venv
OUT ?= runs/demo
TORCH_INDEX ?=
# Tests keep to one thread, so as many run side by side; each worker takes up to 2 GB.
WORKERS ?= $(shell n=$$(env -u OMP_NUM_THREADS nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2); echo $$((n > 8 ? 8 : n)))

BIN := $(VENV)/bin
STAMP := $(VENV)/.clipprobe-installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

export PIP_ROOT_USER_ACTION := ignore

.PHONY: help install demo test lint bench dashboard
.DEFAULT_GOAL := help

help:
	@echo "make demo       set up $(VENV), run the main job, write $(OUT)/index.html"
	@echo "make dashboard  browse the runs on 127.0.0.1"
	@echo "make test       all tests; those of the browser need Chromium"
	@echo "make lint       ruff and mypy"
	@echo "make bench      the benchmarks"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
	  echo "clipprobe needs Python 3.11 or newer, and there is no '$(PYTHON)': install one, or name one, for example make demo PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "clipprobe needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1): install one, or name one, for example make demo PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing clipprobe into $(VENV); the first time this takes some minutes."
ifneq ($(strip $(TORCH_INDEX)),)
	$(PIP) install --quiet --index-url $(TORCH_INDEX) -c constraints.txt torch
endif
	$(PIP) install --quiet -c constraints.txt -e '.[dashboard,dev]'
	@touch $@

demo: $(STAMP)
	$(BIN)/python -m clipprobe demo --out $(OUT)

dashboard: $(STAMP)
	$(BIN)/python -m clipprobe dashboard --runs $(dir $(OUT))

# With CI set, a machine without Chromium is a failure, not a skip.
test: $(STAMP)
	@if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null \
	    && ! command -v google-chrome >/dev/null; then \
	  echo "************************************************************************" >&2; \
	  echo "*  No Chromium on this machine: the BROWSER TESTS WILL NOT RUN.         *" >&2; \
	  echo "*  Install it (Debian: apt-get install chromium) to run them.           *" >&2; \
	  echo "************************************************************************" >&2; \
	  if [ -n "$${CI:-}" ]; then exit 1; fi; \
	fi
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

bench: $(STAMP)
	@set -e; for file in benchmarks/[!_]*.py; do \
	  echo "== $$file"; $(BIN)/python "$$file"; done
