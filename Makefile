# What people and CI run. Everything happens in .venv, which `make setup` makes; nothing else on the machine is touched.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
EXTRAS := dev,demo,speech,lexicon,f0,pyin,s3,gcs

.DEFAULT_GOAL := help
.PHONY: help setup check test test-long test-all demo bench bench-quality bench-cuda clean

help: ## list what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/'

setup: $(INSTALLED) ## .venv with exactly the versions of constraints.txt; done at once where it stands

$(INSTALLED): pyproject.toml constraints.txt setup.py $(wildcard models/native/*.h models/native/*.cpp)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "needs Python 3.11 or newer, $(PYTHON) is `$(PYTHON) --version 2>&1`; name one: make setup PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

check: setup ## ruff, mypy, the walls between packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup ## every test, in two processes, those of a file in one
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-long: setup ## the long tests: kills at random points, nodes that are lost
	$(BIN)/python -m pytest -m slow

test-all: test test-long ## every test

demo: setup ## the whole job on an embedded corpus; ends by naming a report to open
	$(BIN)/ancestral demo demo

NO_BENCH := $(addprefix benchmarks/,__init__.py architectures.py harness.py one_and_two.py plain_pictures.py plain_waveforms.py cuda_training.py cuda_sampling.py cuda_pictures.py)

bench: setup ## speed: ours against peers and ceilings
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS),bench]'
	@for subject in $(filter-out $(NO_BENCH),$(wildcard benchmarks/*.py)); do \
		$(BIN)/python -m benchmarks.$$(basename $$subject .py) || exit 1; done

bench-quality: setup ## held-out bits: ours against peers on the corpora in ../shared/data, two hours
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS),bench]'
	$(BIN)/python -m benchmarks.quality.audio
	$(BIN)/python -m benchmarks.quality.images

bench-cuda: setup ## training and drawing where there is a CUDA device
	$(BIN)/python -m benchmarks.cuda_training --record
	$(BIN)/python -m benchmarks.cuda_sampling --record

clean: ## remove what the tools and the demo left, .venv stays
	rm -rf demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find jobs pipeline models tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
