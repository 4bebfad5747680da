# Every action of Nexus; CI calls only these targets. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
V := .venv/bin
LOCK := $(V)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- Running ----

.PHONY: run stop reset logs replica-kill shell psql
run: .environment ## Nexus with three replicas behind HAProxy, https://localhost:8443; Ctrl-C ends it
	@exec $(V)/python -m local run

stop: .python ## End a `make run`, wherever its terminal is
	@exec $(V)/python -m local stop

reset: .python ## Remove all data of `make run`; asks first
	@exec $(V)/python -m local reset

ROLE ?=
logs: .python ## Follow the logs; ROLE=web, ROLE=web-2, ROLE=proxy, ..
	@exec $(V)/python -m local logs "$(ROLE)"

N ?= 1
replica-kill: .python ## Kill a web replica as a crash would; N=2
	@exec $(V)/python -m local replica-kill "$(N)"

shell: .python ## Python inside the running Nexus
	@exec $(V)/python -m local shell

psql: .python ## SQL on the database of the running Nexus
	@exec $(V)/python -m local psql

# ---- Proving ----

.PHONY: test lint types fuzz bench lab drill
test: .environment-test ## Everything: style, types, contracts, tests with real servers
	@exec $(V)/python -m local.test

lint: .python ## Style only
	@exec $(V)/python -m local.test style format

types: .python ## Types only
	@exec $(V)/python -m local.test types

fuzz: .environment-test ## The API under thousands of generated requests; MINUTES=10
	@exec $(V)/python -m local.test fuzz

bench: .environment ## What a request costs, beside a bare Django view
	@PYTHONPATH=.:app exec $(V)/python -m bench

lab: .environment-lab ## The laboratory, to play with; Ctrl-C ends it
	@PYTHONPATH=.:app exec $(V)/python -m drills.lab

NAME =
drill: .environment-lab ## Every promise of availability put to the proof; NAME=primary-killed RUNS=5
	@PYTHONPATH=.:app exec $(V)/python -m drills $(NAME)

# ---- Changing ----

.PHONY: generate format lock clean
generate: .python ## Write contracts, error pages and the data model from the code
	@exec $(V)/python -m local.test generate

format: .python ## Bring the code into its layout
	@cd app && ../$(V)/ruff check --fix --quiet . ../local ../haproxy ../bench ../drills; ../$(V)/ruff format . ../local ../haproxy ../bench ../drills

lock: .python ## Resolve requirements*.in into the locks; UPGRADE=1 takes newer versions
	@$(LOCK) $(if $(UPGRADE),--upgrade) requirements.in -o requirements.txt
	@$(LOCK) $(if $(UPGRADE),--upgrade) requirements-dev.in -o requirements-dev.txt
	@git --no-pager diff --stat -- requirements.txt requirements-dev.txt

clean: ## Remove the virtual environment and all caches; data stay
	@rm -rf .venv .*_cache app/.*_cache .hypothesis app/.hypothesis
	@find app local haproxy drills -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- What the targets need; each is a moment when it is there already ----

.PHONY: .packages .packages-lab .packages-test .python .environment .environment-lab .environment-test
.packages:
	@local/packages run

.packages-lab:
	@local/packages lab

.packages-test:
	@local/packages test

.python:
	@PYTHON="$(PYTHON)" local/python

.environment: .packages
	@PYTHON="$(PYTHON)" local/python

.environment-lab: .packages-lab
	@PYTHON="$(PYTHON)" local/python

.environment-test: .packages-test
	@PYTHON="$(PYTHON)" local/python
