# The words that people try first. Each is one command, which can be typed as well.
.PHONY: help setup build test lint types docs bench nightly clean

help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup:  ## the Python environment, with all that the tests need
	scripts/setup --tests

build:  ## doge-core-exe
	scripts/build-core

test:  ## everything that is checked
	scripts/test

lint: setup  ## style and layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports

types: setup  ## mypy, strict
	.venv/bin/mypy

docs: setup  ## the documentation, into build/docs
	.venv/bin/sphinx-build -W --keep-going -q -b html docs build/docs

bench:  ## ratios of speed, measured in one run
	scripts/bench

nightly:  ## the main job, for a minute
	scripts/nightly --minutes 1

clean:  ## what was built; nothing that was found
	rm -rf build .mypy_cache .ruff_cache .pytest_cache
