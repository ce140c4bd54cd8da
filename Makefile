# Each target sets up what it needs: `make demo` and `make test` work in a fresh clone.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
BENCH := benchmarks/.venv
QUICK := benchmarks/results
# A folder with Fashion-MNIST's four IDX files; without it they are found, or downloaded.
FASHION_MNIST ?=
DATA = $(if $(FASHION_MNIST),--data "$(FASHION_MNIST)")
BENCHMARKS = $(BIN)/python -m benchmarks
# Files, folders, names or markers of tests; all where it is empty.
TESTS ?=
# The rooms in which most tests train little or not at all.
QUICK_ROOMS = config data inference metrics report
IN_PARALLEL = --numprocesses auto --maxprocesses 4 --dist worksteal
# The comparison needs the peers; where JAX is installed, TensorFlow imports it in all that is measured.
COMPARISON = $(BENCH)/bin/python -m benchmarks

# Where it is set, each of the tests' thousands of processes would compile mtrain's modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup trackers demo test quick coverage lint types docs dist real-data crashtest bench bench-quick check clean

help: ## Show the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: $(VENV)/.made ## Make a virtual environment with mtrain and what its development needs.

$(VENV)/.made: pyproject.toml constraints.txt
	@echo "Making $(VENV) with mtrain and TensorFlow: some 700 MB, which takes minutes."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	touch $@

$(VENV)/trackers/.made: tests/trackers/requirements.txt $(VENV)/.made
	$(PYTHON) -m venv $(VENV)/trackers
	$(VENV)/trackers/bin/python -m pip install --disable-pip-version-check --requirement $<
	touch $@

trackers: $(VENV)/trackers/.made ## Make an environment of what tests run apart from mtrain, as MLflow's server.

demo: setup ## Train on scikit-learn's digits and leave a whole run directory in outputs/.
	$(BIN)/mtrain fit configs/digits.yaml

test: setup ## Run all tests; MTRAIN_TEST_DATA names a folder with mnist and fashion_mnist.
	$(BIN)/pytest $(IN_PARALLEL) $(TESTS)

quick: setup ## Run the tests that train little; under four minutes.
	$(BIN)/pytest $(IN_PARALLEL) -m "not slow" $(addprefix tests/,$(QUICK_ROOMS))

coverage: setup ## Run all tests, or those in TESTS, and show what of mtrain they do not reach.
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(IN_PARALLEL) $(TESTS); status=$$?; \
		$(BIN)/coverage combine --quiet && $(BIN)/coverage report && exit $$status

lint: setup ## Check formatting, style and who imports whom.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: setup ## Check types.
	$(BIN)/mypy

docs: setup ## Write the pages that come from the code anew.
	$(BIN)/python docs/scripts/build.py

dist: setup ## Build the sdist, and from it the wheel, into dist/.
	rm -rf dist
	$(BIN)/python -m build

real-data: setup ## Download MNIST and Fashion-MNIST into the folder MTRAIN_TEST_DATA.
	$(BIN)/python tests/real_data.py "$(MTRAIN_TEST_DATA)"

crashtest: setup ## Kill 50 trainings at random moments, resume them, compare; some ten minutes.
	$(BIN)/python tests/crashtest.py

$(BENCH)/.made: pyproject.toml constraints.txt benchmarks/requirements.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --disable-pip-version-check \
		--constraint constraints.txt --requirement benchmarks/requirements.txt --editable .
	touch $@

bench: setup $(BENCH)/.made ## Measure everything, against all peers, with nothing else running; five hours.
	$(COMPARISON) compare $(DATA)
	$(BENCHMARKS) metrics_cost
	$(BENCHMARKS) diagnostics
	$(BENCHMARKS) dropout
	$(BENCHMARKS) compilation
	$(BENCHMARKS) threads
	$(BENCHMARKS) scoring
	$(BENCHMARKS) comparing
	$(COMPARISON) sweeping $(DATA)
	$(BENCHMARKS) startup $(DATA)
	$(BENCHMARKS) saving $(DATA)
	$(BENCHMARKS) predicting $(DATA)
	$(BENCHMARKS) reading
	$(BENCHMARKS) rivals
	$(COMPARISON) proposals
	$(BENCHMARKS) tables
	$(BENCHMARKS) page

bench-quick: $(BENCH)/.made ## Measure three workloads in a few minutes; the page is in benchmarks/results.
	$(COMPARISON) compare --out $(QUICK)/compare.json --rounds 1 --workloads W1,W2A,W2B --short $(DATA)
	$(COMPARISON) page $(QUICK) $(QUICK)

check: lint types trackers test ## All that CI checks; the docs' examples are among the tests.

clean: ## Remove the environment and what tools leave behind.
	rm -rf $(VENV) $(BENCH) build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
