# make demo    environment, sample movie denoised, before/after picture, window
# make test    every test
# make freeze  the program as a folder that needs no Python, with its smoke test
#
# TORCH_INDEX  on Linux, PyPI's torch is the CUDA build (gigabytes). For the CPU build:
#              make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
# PYTHON       the interpreter that makes the environment (3.11 or newer)

PYTHON ?= python3
TORCH_INDEX ?=
TESTS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CONSTRAINTS := packaging/constraints.txt
INSTALL := $(PIP) install -q --no-build-isolation -c $(CONSTRAINTS)
RUN_STAMP := $(VENV)/.installed-run
TEST_STAMP := $(VENV)/.installed-test
PACKAGE_STAMP := $(VENV)/.installed-package

.PHONY: help env demo test lint freeze clean system

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -8

# pip comes last into a new environment: where it is, the environment is whole.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Quietbeam needs Python 3.11 or newer; give it with PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) \
	  || { rm -rf $(VENV); echo "On Debian: apt-get install python3-venv" >&2; exit 1; }

$(RUN_STAMP): pyproject.toml $(CONSTRAINTS) | $(BIN)/pip
	$(PIP) install -q -c $(CONSTRAINTS) setuptools
	$(PIP) install -q -c $(CONSTRAINTS) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch
	$(INSTALL) -e .
	@touch $@

$(TEST_STAMP): $(RUN_STAMP)
	$(INSTALL) -e '.[test]'
	@touch $@

$(PACKAGE_STAMP): $(TEST_STAMP)
	$(INSTALL) -e '.[test,package]'
	@touch $@

env: $(RUN_STAMP)

system:
	@sh packaging/system_libraries.sh

# Without Qt's libraries the movie is still denoised; only the window cannot open.
demo: $(RUN_STAMP)
	-@sh packaging/system_libraries.sh
	$(BIN)/quietbeam demo

test: system $(TEST_STAMP)
	$(BIN)/python -m pytest $(TESTS)

lint: $(TEST_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

freeze: system $(PACKAGE_STAMP)
	$(BIN)/python -m PyInstaller --noconfirm --log-level WARN --distpath dist --workpath build/frozen packaging/quietbeam.spec
	@if [ "$$(uname -s)" = Linux ]; then sh packaging/strip_libraries.sh dist/quietbeam; fi
	$(BIN)/python -m pytest -m frozen tests/frozen

clean:
	rm -rf build dist demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
