# What a developer or a first user runs. Everything happens in .venv; nothing is installed outside it but,
# with root and apt, the browser that the tests of the page need.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
# Tests compare with torch; pinned, because the version decides whether pip fetches gigabytes of CUDA.
TORCH := torch==2.13.0
STORE := $${XSEARCH_STORE:-indexes}

.PHONY: help demo test lint types format ui screenshots chromium clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      install the base package, index two small corpora, ask three questions"
	@echo "make test      install what tests need and run all of them"
	@echo "make lint      ruff: style and format"
	@echo "make types     mypy, strict"
	@echo "make format    ruff: rewrite the format"
	@echo "make ui        install and open the search page"
	@echo "make screenshots  take the pictures of the page that the README shows"
	@echo "make bench-X   run tests/benchmarks/X.py (encode, cold, serve, index, demo, ...)"

demo: $(VENV)/.base
	@for lang in fi en; do \
	    test -f "$(STORE)/demo-$$lang/manifest.json" \
	    || $(BIN)/xsearch index xsearch/demo/$$lang.parquet --lang $$lang --collection demo-$$lang || exit 1; \
	done
	@$(call ask,"autoilija luotti karttalaitteen neuvoihin ja oli päätyä uimaan",fi,demo-fi)
	@$(call ask,"when did women first get to vote and sit in parliament?",en,demo-fi)
	@$(call ask,"onko normaalia että lämpöpumpun ulkoyksikkö on talvella jäässä",fi,demo-en)
	@echo
	@echo "Ask your own:  $(BIN)/xsearch query \"...\" --lang en"
	@echo "Open the page: make ui"

define ask
echo; echo '$$ xsearch query $(1) --lang $(2) --collection $(3) -k 3'; \
$(BIN)/xsearch query $(1) --lang $(2) --collection $(3) -k 3
endef

test: $(VENV)/.test chromium
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

ui: $(VENV)/.app
	$(BIN)/xsearch ui

screenshots: $(VENV)/.test chromium
	XSEARCH_STORE=$(STORE) $(BIN)/python -m tests.app.screenshots $(ARGS)

bench-%: tests/benchmarks/%.py $(VENV)/.bench
	$(BIN)/python -m tests.benchmarks.$* $(ARGS)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.base: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "xsearch needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "installing xsearch into $(VENV) (about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.app: $(VENV)/.base
	@echo "installing what the page needs"
	@$(PIP) install --constraint constraints.txt --editable '.[app]'
	@touch $@

$(VENV)/.test: $(VENV)/.base
	@echo "installing what the tests need, torch among it (some minutes)"
	@$(PIP) install --constraint constraints.txt $(TORCH) --editable '.[test,train,app]'
	@touch $@

$(VENV)/.bench: $(VENV)/.base
	@echo "installing what the benchmarks compare with, torch among it (some minutes)"
	@$(PIP) install --constraint constraints.txt $(TORCH) --editable '.[bench]'
	@touch $@

chromium:
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; \
	then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "installing chromium for the tests of the page"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null \
	    || echo "chromium could not be installed; the tests of the page will say so"; \
	else echo "no chromium and no right to install it; the tests of the page will say so"; fi
