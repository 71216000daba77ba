# Two commands do everything on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
OLDEST := .venv-oldest
OLDEST_PYTHON ?= python3.11
OUT ?= xmodal-results

# One thread per process: searches run in parallel, and pools that share cores
# slow each other down many times over.
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test test-oldest lint smoke clean

help:
	@echo "make demo    compare CCA, KCCA and MSLN on real pairs ($(OUT)/)"
	@echo "make test    run the tests"
	@echo "make test-oldest  the same with the oldest versions that are supported"
	@echo "make lint    check style and types"
	@echo "make smoke   the demo in its quick form"
	@echo "make clean   remove the environment and everything built"

$(INSTALLED): pyproject.toml setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: $(INSTALLED)
	$(BIN)/python -m sklearn_xmodal --out $(OUT)

smoke: $(INSTALLED)
	$(BIN)/python -m sklearn_xmodal --quick --out $(OUT)

test: $(INSTALLED)
	$(BIN)/python -m pytest

# Its own environment: the oldest Python and the oldest of everything.
$(OLDEST)/.installed: pyproject.toml setup.cfg constraints-oldest.txt
	$(OLDEST_PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet "$$(grep '^torch==' constraints-oldest.txt)"
	$(OLDEST)/bin/python -m pip install --quiet \
		--constraint constraints-oldest.txt --editable ".[dev]"
	touch $@

test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(OLDEST) build dist *.egg-info $(OUT) .pytest_cache .mypy_cache .ruff_cache
