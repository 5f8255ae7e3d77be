# `make` alone lists the targets. Everything but `help`, `down` and `clean` sets up first, which takes a second
# when nothing changed.
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := jobs models expectations
PYTEST := $(BIN)/python -m pytest -n 2 --no-loadscope-reorder --durations 10
COMPILE := pip compile --quiet --universal --python-version 3.11 --no-annotate --custom-compile-command "make constraints"

.DEFAULT_GOAL := help
.PHONY: help setup setup-airflow demo test test-long check chaos bench airflow zip down clean constraints

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv and fetch the JARs (PYTHON=python3.12 to choose one)
	@$(PYTHON) -m jobs.local.setup.toolchain

setup-airflow: ## the same, and Airflow in .venv-airflow
	@$(PYTHON) -m jobs.local.setup.toolchain airflow

demo: setup ## a retailer's year from Kafka to Redis (HOUSEHOLDS=600 for a short one)
	@$(BIN)/lakehouse demo $(if $(HOUSEHOLDS),--households $(HOUSEHOLDS))

test: check setup-airflow ## set up, check, and run the tests (ARGS='-n 0 tests/models' for some, in one process)
	@$(PYTEST) -m "not long" $(ARGS)

test-long: setup-airflow ## the tests that `make test` leaves out: further cases of what it proves once
	@$(PYTEST) -m long $(ARGS)

check: setup ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(PACKAGES)

chaos: setup ## kill the landing sixty times and compare with an undisturbed lake, into build/chaos.json (KILLS=5 for few)
	@$(BIN)/python -m tests.chaos $(KILLS)

bench: setup ## benchmarks into build/bench.json (CASE=ingest,topn for some)
	@$(BIN)/python -m tests.bench $(CASE)

airflow: setup-airflow ## start Airflow on this machine and say where to look
	@$(BIN)/lakehouse airflow

zip: setup ## dist/app.zip for spark-submit --py-files
	@$(BIN)/python -m jobs.local.app_zip

down: ## stop what `lakehouse up` started
	@if [ -x $(BIN)/lakehouse ]; then $(BIN)/lakehouse down; fi

clean: down ## remove local state, reports and caches; keeps .venv, .venv-airflow and .jars
	@rm -rf .local build dist .mypy_cache .pytest_cache .ruff_cache *.egg-info
	@find $(PACKAGES) tests dags -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

constraints: ## pin every Python package anew, after a change in setup.py or of Airflow's version
	@$(BIN)/uv $(COMPILE) setup.py --extra local --extra dev -o conf/constraints.txt
	@$(BIN)/python -c 'from jobs.local.setup.toolchain import AIRFLOW; print(*AIRFLOW, sep="\n")' \
		| $(BIN)/uv $(COMPILE) - -o conf/constraints-airflow.txt
