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
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- Running ----

.PHONY: run watch stop reset logs replica-kill shell psql
run: .environment ## Nexus with three replicas behind HAProxy, https://localhost:8443; Ctrl-C ends it
	@exec $(V)/python -m local run

stop: .python ## End a `make run`, wherever its terminal is
	@exec $(V)/python -m local stop

reset: .python ## Remove all data of `make run`; asks first
	@exec $(V)/python -m local reset

watch: .environment-watch ## Prometheus and Alertmanager beside a `make run`; Ctrl-C ends them
	@exec $(V)/python -m local watch

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

.PHONY: test lint types checks fuzz bench lab drill watch-drill pictures
test: .environment-test ## Everything: style, types, contracts, tests with real servers
	@exec $(V)/python -m local.test

lint: .python ## Style only
	@exec $(V)/python -m local.test style format

types: .python ## Types only
	@exec $(V)/python -m local.test types

checks: .environment-test ## Manifests, Dockerfiles, pipelines and scripts only
	@exec $(V)/python -m local.test checks

fuzz: .environment-test ## The API under thousands of generated requests; MINUTES=10
	@exec $(V)/python -m local.test fuzz

bench: .environment ## What a request costs, beside a bare Django view
	@PYTHONPATH=.:app exec $(V)/python -m bench

lab: .environment-lab ## The laboratory, to play with; Ctrl-C ends it
	@PYTHONPATH=.:app exec $(V)/python -m drills.lab

NAME =
drill: .environment-lab ## Every promise of availability put to the proof; NAME=primary-killed RUNS=5
	@PYTHONPATH=.:app exec $(V)/python -m drills $(NAME)

watch-drill: .environment-test ## Faults, and which alert tells whom, for docs/guide/alerts-tried.md; SHORTER=10 OBSERVED=120
	@PYTHONPATH=.:app exec $(V)/python -m monitoring.drill

pictures: .environment-test ## Every panel, drawn from a real Prometheus, for docs/pictures
	@PYTHONPATH=.:app exec $(V)/python -m monitoring.pictures

# ---- Shipping ----

.PHONY: image sbom scan push kind kind-down e2e e2e-full compose-secrets deploy restore rotate
image: ## The images nexus and nexus-postgres, by podman, docker or buildah; TAG=1.2.3, TRACES=on with OpenTelemetry
	@exec local/image build

sbom: ## What is inside of them, as CycloneDX, in local/state/sbom; TAG=1.2.3
	@exec local/image sbom

scan: ## Known vulnerabilities in that, of those that have a fix; TAG=1.2.3
	@exec local/image scan

push: ## To a registry; TAG=1.2.3 REGISTRY=registry.example/team
	@exec local/image push

kind: ## A cluster of kind for `make e2e`, where ../shared/cluster is not
	@exec local/kind up

kind-down: ## Remove it
	@exec local/kind down

e2e: .environment ## Images, charts, a post through the proxy, the network, an upgrade under load and back, on a real cluster
	@PYTHONPATH=.:app exec $(V)/python -m helm.e2e

e2e-full: .environment ## The same and all that takes longer: nodes lost and drained, autoscaling, external databases, restore
	@PYTHONPATH=.:app exec $(V)/python -m helm.e2e --full

compose-secrets: .python ## Passwords and a certificate for compose.yaml, once
	@exec $(V)/python -m local.compose

deploy: .python ## What a pipeline calls: ENV=staging TAG=1.2.3; DIFF=only shows and changes nothing
	@ENV="$(ENV)" TAG="$(TAG)" DIFF="$(DIFF)" PYTHONPATH=. exec $(V)/python -m helm.deploy

restore: .python ## The database of an environment as it was at a second; asks first. ENV=staging TIME="2026-11-21 14:03:00+00"
	@ENV="$(ENV)" TIME="$(TIME)" PYTHONPATH=. exec $(V)/python -m helm.restore

rotate: .python ## A new password or key, without a pause: ENV=staging WHAT=application, owner, postgres, redis, jwt or ca
	@ENV="$(ENV)" WHAT="$(WHAT)" PYTHONPATH=. exec $(V)/python -m helm.rotate

# ---- Changing ----

.PHONY: generate format lock clean
generate: .python ## Write contracts, error pages and the data model from the code
	@exec $(V)/python -m local.test generate

format: .python ## Bring the code into its layout
	@cd app && ../$(V)/ruff check --fix --quiet . ../local ../haproxy ../bench ../drills ../helm ../monitoring; ../$(V)/ruff format . ../local ../haproxy ../bench ../drills ../helm ../monitoring

lock: .python ## Resolve requirements*.in into the locks; UPGRADE=1 takes newer versions
	@$(LOCK) $(if $(UPGRADE),--upgrade) requirements.in -o requirements.txt
	@$(LOCK) $(if $(UPGRADE),--upgrade) requirements-traces.in -o requirements-traces.txt
	@$(LOCK) $(if $(UPGRADE),--upgrade) requirements-dev.in -o requirements-dev.txt
	@$(LOCK) $(if $(UPGRADE),--upgrade) local/checkov.in -o local/checkov.txt
	@$(subst 3.11,3.13,$(LOCK)) $(if $(UPGRADE),--upgrade) helm/nexus-data/image/requirements.in -o helm/nexus-data/image/requirements.txt
	@git --no-pager diff --stat -- requirements.txt requirements-traces.txt requirements-dev.txt local/checkov.txt helm/nexus-data/image/requirements.txt

clean: ## Remove the virtual environment and all caches; data stay
	@rm -rf .venv .*_cache app/.*_cache .hypothesis app/.hypothesis
	@find app local haproxy drills helm monitoring -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- What the targets need; each is a moment when it is there already ----

.PHONY: .packages .packages-watch .packages-lab .packages-test .python .environment .environment-watch .environment-lab .environment-test
.packages:
	@local/packages run

.packages-watch:
	@local/packages watch

.packages-lab:
	@local/packages lab

.packages-test:
	@local/packages test

.python:
	@PYTHON="$(PYTHON)" local/python

.environment: .packages
	@PYTHON="$(PYTHON)" local/python

.environment-watch: .packages-watch
	@PYTHON="$(PYTHON)" local/python

.environment-lab: .packages-lab
	@PYTHON="$(PYTHON)" local/python

.environment-test: .packages-test
	@PYTHON="$(PYTHON)" local/python
