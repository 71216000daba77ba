# Two commands do everything on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
OLDEST := .venv-oldest
OLDEST_PYTHON ?= python3.11
DOCS_INSTALLED := $(VENV)/.docs-installed
DEMO_INSTALLED := $(VENV)/.demo-installed
SITE := docs/_build/html
OUT ?= xmodal-results

# One thread per fit: searches run several at a time, and pools that share cores
# slow each other down many times over.
export OMP_NUM_THREADS ?= 1

# More options of pytest: make test PYTEST_OPTIONS="-n 1", or "--random-order".
PYTEST_OPTIONS ?=
# One process per core. Tests that wait for others do not hold up the rest.
PYTEST := python -m pytest --numprocesses auto --dist worksteal
# One estimator per way through the code: moments, kernels, classifiers, networks.
FOUR := RidgeRetriever or KCCARetriever or SemanticMatchingRetriever or MSLNRetriever

.PHONY: help demo check test test-all test-oldest lint smoke docs docs-check clean

help:
	@echo "make demo    compare retrievers on emoji: $(OUT)/report.html"
	@echo "make check   style, types, architecture and the contract: under a minute"
	@echo "make test    all that a change can break: under five minutes on two cores"
	@echo "make test-all     every case and seed: before a release"
	@echo "make test-oldest  the same with the oldest versions that are supported"
	@echo "make lint    check style and types"
	@echo "make smoke   the demo in its quick form"
	@echo "make docs    build the documentation ($(SITE)/index.html)"
	@echo "make docs-check  whether every link of it leads somewhere"
	@echo "make clean   remove the environment and everything built"

# $(call install,ENVIRONMENT,PYTHON,CONSTRAINTS,EXTRA) makes the file of its rule.
# A line per package is shown. What pip says beyond that, such as warnings that change
# nothing, goes to a log, which is shown if the installation fails.
define install
	@test -x $(1)/bin/pip || $(2) -m venv $(1)
	@echo "Installing into $(1), which takes minutes. $(1)/install.log has every detail."
	@rm -f $@ $(1)/install.log
	@{ $(1)/bin/python -m pip install "$$(grep '^torch==' $(3))" && \
	   $(1)/bin/python -m pip install --constraint $(3) --editable ".[$(4)]" && \
	   touch $@; } 2>&1 | while IFS= read -r line; do \
		printf '%s\n' "$$line" >> $(1)/install.log; \
		case $$line in \
			"Collecting "* | *"Downloading "*" MB)") echo "  $${line%% (from *}";; \
			"Processing "*.whl*) line=$${line##*/}; \
				echo "  Collecting $${line%%-[cp][py][0-9]*}";; \
			"Installing collected"*) echo "  $${line%%:*}";; \
		esac; \
	done; \
	test -f $@ || { cat $(1)/install.log >&2; exit 1; }
endef

$(INSTALLED): pyproject.toml setup.cfg constraints.txt
	$(call install,$(VENV),$(PYTHON),constraints.txt,dev)

# What the demo needs, and no more.
$(DEMO_INSTALLED): pyproject.toml setup.cfg constraints.txt
	$(call install,$(VENV),$(PYTHON),constraints.txt,plot)

DEMO := $(BIN)/python -m sklearn_xmodal --methods cca kcca sm msln --out $(OUT)

demo: $(DEMO_INSTALLED)
	$(DEMO)

smoke: $(DEMO_INSTALLED)
	$(DEMO) --quick

check: lint
	$(BIN)/$(PYTEST) tests/test_architecture.py tests/test_base.py \
		-k "test_architecture or $(FOUR)" $(PYTEST_OPTIONS)

test: $(INSTALLED)
	$(BIN)/$(PYTEST) $(PYTEST_OPTIONS)

test-all: $(INSTALLED)
	$(BIN)/$(PYTEST) --all $(PYTEST_OPTIONS)

# Its own environment: the oldest Python and the oldest of everything.
$(OLDEST)/.installed: pyproject.toml setup.cfg constraints-oldest.txt
	$(call install,$(OLDEST),$(OLDEST_PYTHON),constraints-oldest.txt,dev)

test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/$(PYTEST) --all $(PYTEST_OPTIONS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Of its own, since readers of the documentation need no tests.
$(DOCS_INSTALLED): pyproject.toml setup.cfg constraints.txt
	$(call install,$(VENV),$(PYTHON),constraints.txt,docs)

docs: $(DOCS_INSTALLED)
	$(BIN)/python -m sphinx -W --keep-going -b html $(DOCS_OPTIONS) docs $(SITE)

docs-check: docs
	$(BIN)/python docs/_ext/check_links.py $(SITE)

clean:
	rm -rf docs/_build docs/auto_examples docs/benchmarks docs/_static/generated
	rm -rf docs/api/generated docs/api/examples
	rm -rf $(VENV) $(OLDEST) build dist *.egg-info $(OUT) .pytest_cache .mypy_cache .ruff_cache
