# Each target sets up what it needs: `make demo` and `make test` work in a fresh clone.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help setup demo test lint types docs crashtest bench check clean

help: ## Show the targets.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: $(VENV)/.made ## Make a virtual environment with mtrain and what its development needs.

$(VENV)/.made: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup ## Train on scikit-learn's digits and leave a whole run directory in outputs/.
	$(BIN)/mtrain fit configs/digits.yaml

test: setup ## Run all tests; MTRAIN_TEST_DATA names a folder with mnist and fashion_mnist.
	$(BIN)/pytest

lint: setup ## Check formatting, style and who imports whom.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: setup ## Check types.
	$(BIN)/mypy

docs: setup ## Write the pages that come from the code anew.
	$(BIN)/python docs/build.py

crashtest: setup ## Kill 50 trainings at random moments, resume them, compare; some ten minutes.
	$(BIN)/python tests/crashtest.py

bench: setup ## Measure against stock Keras and scikit-learn; with nothing else running.
	$(BIN)/python benchmarks/epoch_time.py 5
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/saving.py
	$(BIN)/python benchmarks/reading.py
	$(BIN)/python benchmarks/tables.py

check: lint types test ## All that CI checks; the docs' examples are among the tests.

clean: ## Remove the environment and what tools leave behind.
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
