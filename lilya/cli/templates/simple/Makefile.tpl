.DEFAULT_GOAL := help

# Recipes are silent, unless VERBOSE is set.
ifndef VERBOSE
.SILENT:
endif

.PHONY: help
help:  ## This list
	grep -hE '^[a-z_]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/ -/'

.PHONY: clean
clean: clean_pyc clean_pycache  ## Remove what Python and its tools leave behind
	rm -rf .mypy_cache .pytest_cache .ruff_cache .coverage htmlcov

.PHONY: clean_pyc
clean_pyc:  ## Remove compiled files
	find . -name '*.pyc' -not -path './.venv/*' -delete

.PHONY: clean_pycache
clean_pycache:  ## Remove the folders of compiled files
	find . -type d -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.PHONY: requirements
requirements:  ## Install what development needs
	pip install -r requirements/development.txt

.PHONY: run
run:  ## Serve
	python ./@@project_name/app.py

.PHONY: test
test:  ## Run the tests
	python -m pytest $(TESTONLY)

.PHONY: check
check:  ## Look for mistakes
	ruff check . && ruff format --check . && mypy
