# Two commands do everything on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
OUT ?= xmodal-results

# One thread per process: searches run in parallel, and pools that share cores
# slow each other down many times over.
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test lint smoke clean

help:
	@echo "make demo    compare CCA, KCCA and MSLN on real pairs ($(OUT)/)"
	@echo "make test    run the tests"
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

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist *.egg-info $(OUT) .pytest_cache .mypy_cache .ruff_cache
