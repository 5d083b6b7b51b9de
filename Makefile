# Needs python3 (>= 3.11, with venv) and make; everything else is installed into .venv, at the
# versions in constraints.txt. `make help` lists the targets.
#
# torch is installed first and alone, so that whichever torch pip finds is the one used. To get
# its CPU-only build, point PIP_EXTRA_INDEX_URL at PyTorch's index of CPU wheels before the first
# `make` (see CONTRIBUTING.md).

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
PYTEST_ARGS ?=
FUZZ_CASES ?= 100000

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Python compiles what it imports; compiling all of it takes longer.
INSTALL := install --quiet --no-compile

# Most processes that tests start import torch: Python keeps its bytecode, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

# The networks of tests, examples and docs are small: a second thread each would only get in the way
# of the other worker. Benchmarks choose their own threads.
ONE_THREAD := OMP_NUM_THREADS=1 MPLBACKEND=Agg

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-quick test-oldest fuzz soak smoke dist lint format docs pictures bench
.PHONY: bench-long bench-gpu constraints clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|' 2>/dev/null \
		|| grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST)

# Stamps: set-up runs once, and again when the requirements change.
$(VENV)/.stamp-run: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $(INSTALL) -c constraints.txt torch
	$(PIP) $(INSTALL) -c constraints.txt hatchling editables
	$(PIP) $(INSTALL) -c constraints.txt --no-build-isolation -e '.[plot]'
	@touch $@

# seqeval comes as source that needs a build environment of its own.
$(VENV)/.stamp-dev: $(VENV)/.stamp-run
	$(PIP) $(INSTALL) -c constraints.txt seqeval
	$(PIP) $(INSTALL) -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

demo: $(VENV)/.stamp-run ## set up and run the demo; its picture is demo.png
	$(ONE_THREAD) $(BIN)/python examples/demo.py

test: $(VENV)/.stamp-dev ## set up and run every test, slow ones and doctests included
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --doctest-modules \
		--doctest-glob='*.rst' skrnn tests docs/tutorial.rst docs/user_guide docs/extending \
		$(PYTEST_ARGS)

test-quick: $(VENV)/.stamp-dev ## run the tests that are not marked slow
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m 'not slow' $(PYTEST_ARGS)

fuzz: $(VENV)/.stamp-dev ## draw FUZZ_CASES of hostile data; blocks that passed (.fuzz/) are not run again
	$(ONE_THREAD) SKRNN_FUZZ_CASES=$(FUZZ_CASES) SKRNN_FUZZ_DIR=$(CURDIR)/.fuzz $(BIN)/python -m pytest \
		-n $(WORKERS) --dist worksteal tests/battery/test_random_data.py $(PYTEST_ARGS)

# The oldest releases in an environment of their own, but for torch.
OLDEST := .oldest
OLDEST_PIP := $(OLDEST)/bin/python -m pip --disable-pip-version-check

$(OLDEST)/.stamp: pyproject.toml constraints.txt constraints-oldest.txt
	test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	$(OLDEST_PIP) $(INSTALL) -c constraints.txt torch
	$(OLDEST_PIP) $(INSTALL) -c constraints-oldest.txt hatchling editables
	$(OLDEST_PIP) $(INSTALL) -c constraints-oldest.txt --no-build-isolation -e .
	$(OLDEST_PIP) $(INSTALL) -c constraints-oldest.txt pytest pytest-xdist hypothesis polars pyarrow
	@touch $@

test-oldest: $(OLDEST)/.stamp ## run the quick tests with the oldest releases that are supported
	$(ONE_THREAD) $(OLDEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal -m 'not slow' \
		-W ignore::DeprecationWarning --ignore=tests/data/test_schemes.py tests/data tests/training tests/estimators \
		tests/battery/test_old_files.py $(PYTEST_ARGS)

soak: $(VENV)/.stamp-dev ## kill, interrupt, damage and repeat for the better part of an hour
	$(ONE_THREAD) $(BIN)/python tests/soak/mutants.py --mutants 10000
	$(ONE_THREAD) $(BIN)/python tests/soak/kills.py --kills 100
	$(ONE_THREAD) $(BIN)/python tests/soak/interrupts.py --interrupts 50
	$(ONE_THREAD) $(BIN)/python tests/soak/leaks.py

# The time stamps of the archives are those of the last commit, so that they are the same bytes
# wherever and whenever they are built.
dist: $(VENV)/.stamp-run ## build wheel and source archive twice, and compare
	rm -rf dist build/again
	export SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct); \
	$(BIN)/hatchling build -d dist && $(BIN)/hatchling build -d build/again
	cd dist && sha256sum * > ../build/again/SHA256SUMS
	cd build/again && sha256sum -c SHA256SUMS

# Into an empty environment, at the oldest releases but for torch.
# From the folder of the environment the tests read the wheel, not the sources.
SMOKE_PIP := .smoke/bin/python -m pip --disable-pip-version-check $(INSTALL)

.smoke/.stamp-torch: constraints.txt
	rm -rf .smoke
	$(PYTHON) -m venv .smoke
	$(SMOKE_PIP) -c constraints.txt torch
	@touch $@

.smoke/.stamp: .smoke/.stamp-torch $(VENV)/.stamp-run constraints-oldest.txt $(shell find skrnn -type f -not -path '*__pycache__*') *.md LICENSE
	rm .smoke/.stamp-torch
	$(MAKE) --no-print-directory dist
	$(SMOKE_PIP) -c constraints-oldest.txt dist/*.whl
	@touch $@

# What is installed below is not part of an environment of the wheel alone: the next run makes it anew.
smoke: .smoke/.stamp ## try the wheel alone at the oldest releases, then run the tests of data with it
	rm .smoke/.stamp
	cd .smoke && $(ONE_THREAD) bin/python ../tests/smoke.py
	$(SMOKE_PIP) -c constraints-oldest.txt pytest hypothesis polars pyarrow
	cd .smoke && $(ONE_THREAD) bin/python -m pytest -q -m 'not slow' \
		-W ignore::DeprecationWarning --ignore=../tests/data/test_schemes.py ../tests/data \
		../tests/battery/test_old_files.py $(PYTEST_ARGS)

lint: $(VENV)/.stamp-dev ## check format, style, types and the direction of imports
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.stamp-dev ## format the code and apply the safe fixes
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.stamp-dev ## build the documentation, gallery included, with warnings as errors
	$(ONE_THREAD) $(BIN)/python -m sphinx -j $(WORKERS) -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

pictures: $(VENV)/.stamp-dev ## redraw the pictures of README and the landing page
	$(ONE_THREAD) $(BIN)/python docs/pictures.py

bench: $(VENV)/.stamp-dev ## measure the goals of speed, in a quarter of an hour
	$(BIN)/python -m benchmarks

bench-long: $(VENV)/.stamp-dev ## run all benchmarks, those of quality, too, for hours
	$(BIN)/python -m benchmarks --long

bench-gpu: $(VENV)/.stamp-dev ## compare a GPU's results with the CPU's and time its fits, ten minutes at most
	$(BIN)/python -m benchmarks.gpu

constraints: $(VENV)/.stamp-dev ## pin what the environment holds now
	@{ echo '# The releases that CI runs, whole. Written by `make constraints` from an environment that passed.'; \
	   $(PIP) freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==' | sed -E 's/\+[A-Za-z0-9.]+$$//'; } > constraints.tmp
	@mv constraints.tmp constraints.txt

clean: ## remove the environment, caches and built documentation
	rm -rf $(VENV) .oldest .smoke docs/_build docs/gallery docs/generated docs/sg_execution_times.rst
	rm -rf .fuzz .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
	find skrnn tests examples benchmarks -name __pycache__ -type d -exec rm -rf {} + 2>/dev/null || true
