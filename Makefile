# Everything a user or developer types. The first call makes .venv from the lock file; nothing else is installed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
export DAGSTER_DISABLE_TELEMETRY := 1
export GX_ANALYTICS_ENABLED := false

.PHONY: setup refresh demo dev docs test prove lint format benchmark lock clean help
.DEFAULT_GOAL := help

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## the environment, from the lock file

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Regulars needs Python 3.11 or newer; set PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

refresh: $(READY) ## the demo data (Complete Journey), refreshed and published
	@$(BIN)/regulars demo
	@$(BIN)/regulars refresh $(if $(REGULARS_HOME),,--home homes/complete_journey) $(ARGS)

demo: $(READY) ## a simulated omnichannel retailer, in which no relation is empty, refreshed and published
	@[ -d homes/demo/landing ] || $(BIN)/regulars simulate --customers 5000 --months 24 --seed 1 --dirty-rate 0.005 --out homes/demo
	@$(BIN)/regulars refresh --home homes/demo $(ARGS)

dev: $(READY) ## Dagster, on the demo's home unless REGULARS_HOME names another
	@$(BIN)/regulars dev $(if $(REGULARS_HOME),,--home homes/complete_journey)

docs: $(READY) ## the contract's page, and dbt's site of every model and column
	@$(BIN)/regulars docs $(if $(REGULARS_HOME),,--home homes/complete_journey)

test: $(READY) ## everything that proves Regulars, in minutes
	$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0 -m "not prove"

prove: $(READY) ## what takes longer: many kills, many readers, big data
	$(BIN)/python -m pytest -m prove

lint: $(READY) ## ruff, mypy, sqlfluff, dbt-bouncer
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/lint.py

format: $(READY) ## let the tools put the layout right
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .
	$(BIN)/sqlfluff fix models tests/data

benchmark: $(READY) ## seconds and memory, as ratios to the engine's own
	$(BIN)/python benchmarks/refresh.py
	$(BIN)/python benchmarks/loading.py
	$(BIN)/python benchmarks/marts.py
	$(BIN)/python benchmarks/straight.py
	$(BIN)/python benchmarks/lifetime_value.py
	$(BIN)/python benchmarks/growth.py

lock: ## resolve the dependencies again (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet --output-file requirements.lock

clean: ## remove the environment and build leftovers, never a home
	rm -rf $(VENV) target logs .pytest_cache .ruff_cache
