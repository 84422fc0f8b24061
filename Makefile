# make run [MUSIC=folder] · make ui · make test · make setup · make screenshots · make bench, bench-audio, bench-covers, bench-health, bench-lastfm, bench-outages, bench-scale, bench-search, bench-vectors, bench-web, bench-week

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MUSIC ?=
# More for pip install, such as --extra-index-url https://download.pytorch.org/whl/cpu
PIP_ARGS ?=

# A folder given on the command line; `~` is expanded by the shell, which make does not do for MUSIC=~/x.
RUN_ENV := $(if $(MUSIC),SONIQUEBAY_MUSIC_DIR="$(patsubst ~/%,$(HOME)/%,$(MUSIC))",)

BENCHMARKS := audio covers health ingest lastfm outages scale search vectors web week

.PHONY: run ui test check screenshots bench $(BENCHMARKS:%=bench-%) setup clean

run: $(STAMP)
	@$(RUN_ENV) $(BIN)/soniquebay run

ui: $(STAMP)
	@$(RUN_ENV) $(BIN)/soniquebay ui

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(PIP_ARGS) --editable '.[dev]'
	@touch $(STAMP)

test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Needs Chromium; clicks through the UI and refreshes docs/images.
screenshots: $(STAMP)
	$(BIN)/python -m soniquebay_pipeline_tests.screenshots

bench: bench-ingest

$(BENCHMARKS:%=bench-%): bench-%: $(STAMP)
	$(BIN)/python -m soniquebay_pipeline_tests.benchmarks.$*

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
