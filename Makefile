# Two commands: `make demo` shows the product at work, `make test` proves it. Both build .venv themselves.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 10
# With more than three, ports of tests (tests/live.py) and of the plug-in's fleets (simulator/testing/places.py) may meet.
WORKERS ?= 3
FUZZ_SECONDS ?= 600
unexport PYTHONDONTWRITEBYTECODE # tests start the command some hundred times

.PHONY: demo test lint bench fuzz clean

demo: .venv/ready
	$(BIN)/meterfleet demo

test: .venv/dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev
	$(BIN)/python -m bench

fuzz: .venv/fuzz
	$(BIN)/python tests/fuzz --seconds $(FUZZ_SECONDS) $(TARGETS)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed (on Debian: apt install python3 python3-venv)"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/ready: .venv/bin/python pyproject.toml
	$(PIP) -e .
	touch $@

.venv/dev: .venv/bin/python pyproject.toml
	$(PIP) -e '.[dev]'
	touch $@ .venv/ready

.venv/fuzz: .venv/dev
	$(PIP) -e '.[dev,fuzz]'
	touch $@

clean:
	rm -rf .venv .demo dist build
