# Two commands do all the set-up on a machine with Python 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
HOME_DIR := .gov
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.DEFAULT_GOAL := help

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## audit mortgage and release decisions, real ones, and print what was found
	$(BIN)/gov demo

tour: $(VENV)/.demo  ## walk from a clause to a proof, and tamper with it
	$(BIN)/gov demo --tour

ui: $(VENV)/.demo  ## Dagster on the demo's home, at http://127.0.0.1:3000
	$(BIN)/gov demo --ui

test: $(VENV)/.dev  ## the whole test suite
	POLARS_MAX_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

served: $(VENV)/.dev  ## slow: Dagster's server on an empty home, a backfill of ten days through GraphQL, pictures
	$(BIN)/python -m pytest tests/served -m served -s

fuzz: $(VENV)/.dev  ## slow: ten thousand broken policies and declarations, each refused in words or read
	$(BIN)/python -m pytest tests/policy/test_mutants.py -m fuzz

faults: $(VENV)/.dev  ## slow: services killed, disks full, clocks set back, writers of the ledger killed at each call; afterwards the ledger must be whole
	$(BIN)/python -m pytest tests/faults tests/evidence/tlog tests/pipeline/test_kills.py tests/pipeline/test_late.py -m faults -s

attacks: $(VENV)/.dev  ## slow: all attacks on the evidence and every single-bit flip of a proof and a night; prints what caught which
	$(BIN)/python -m pytest tests/attacks -m '' -s

spark: $(VENV)/.spark  ## slow: counts on a Spark cluster that loses a worker, and a night from its tables; needs Java 17
	$(BIN)/python -m pytest tests/spark tests/measure/test_engines.py -m '' -s

lint: $(VENV)/.dev  ## ruff, format, policies and declarations, stale suites
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/gov lint
	$(BIN)/gov compile --check
	$(BIN)/gov schema

types: $(VENV)/.dev  ## strict type checking
	$(BIN)/mypy

imports: $(VENV)/.dev  ## the rules of the house: who may import whom
	$(BIN)/lint-imports

bench: $(VENV)/.bench $(VENV)/.demo peers  ## slow: ten million decisions judged, a million audited step by step, 200 systems, the same numbers as our peers, how fast
	$(BIN)/python -m benchmarks.judging
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -W ignore -m benchmarks.million
	$(BIN)/python -m benchmarks.many
	$(BIN)/python -W ignore -m benchmarks.agreement
	$(BIN)/python -m benchmarks.limit
	$(BIN)/python -W ignore -m benchmarks.evidence
	$(BIN)/python -W ignore -m benchmarks.speed

year: $(VENV)/.dev  ## slow: a simulated year of twenty systems: pages for nothing, nights until a planted fault
	$(BIN)/python -W ignore -m benchmarks.year

simulate-statistics: $(VENV)/.dev  ## slow: how often equal groups fail, and intervals hold the truth
	$(BIN)/python -m benchmarks.statistics.coverage
	$(BIN)/python -m benchmarks.statistics.level
	$(BIN)/python -m benchmarks.statistics.power

peers: $(VENV)-peers/.done  ## the libraries we are compared with, which need an older pandas, in an environment of their own

constraints: ## pin every dependency anew, without URLs
	rm -rf $(VENV)-pins && $(PYTHON) -m venv $(VENV)-pins
	$(VENV)-pins/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(VENV)-pins/bin/python -m pip install --quiet -e '.[demo]' --group dev --group bench
	$(VENV)-pins/bin/python -m pip freeze --exclude-editable | grep -v ' @ ' > constraints.txt
	rm -rf $(VENV)-pins

clean:  ## remove the environment and the demo's home
	rm -rf $(VENV) $(VENV)-peers $(HOME_DIR)

$(VENV)-peers/.done: benchmarks/peers.txt
	$(PYTHON) -m venv $(VENV)-peers
	$(VENV)-peers/bin/python -m pip install --quiet -r benchmarks/peers.txt
	@touch $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade "pip>=25.1"

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -c constraints.txt -e '.[demo]' --group dev
	@touch $(VENV)/.demo $@

$(VENV)/.spark: pyproject.toml constraints.txt | $(VENV)/.dev
	$(PIP) install -c constraints.txt -e '.[spark]'
	@touch $@

$(VENV)/.bench: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -c constraints.txt -e . --group bench
	@touch $@

.PHONY: help demo tour ui test served fuzz faults attacks spark lint types imports bench peers year simulate-statistics constraints clean
