# The verbs of this project. Each makes its own surroundings first; `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
AZURITE := azurite@3.35.0
CYCLONEDX := cyclonedx-bom==7.5.0

.PHONY: help setup demo run azurite smoke test cluster lint types browser simulate soak kill ablate bench lock sbom

help:      ## list the verbs
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## make .venv with everything in it

demo: $(READY)  ## the service on an embedded server and a local Planner, with agents and people at work
	$(BIN)/python src/planner_sync_service.py --demo

run: $(READY)  ## the service, with the settings of the environment
	$(BIN)/python src/planner_sync_service.py

# 3.35.0 is the newest for Node 20. Without --disableTelemetry it reports its use.
azurite:  ## the storage that the timer needs below `func start` (npm)
	npx --yes $(AZURITE) --silent --location .azurite --skipApiVersionCheck --disableTelemetry

smoke: $(READY)  ## one card through `func start` (needs Azure Functions Core Tools)
	$(BIN)/python -m demo.smoke

# Three processes, for most tests wait; what shares a server in its file stays in one of them.
test: $(READY)  ## all tests but those in a browser
	$(BIN)/python -m pytest -n 3 --dist loadfile $(ARGS)

cluster: $(READY)  ## the tests of store and sync on a Redis Cluster of three servers
	$(BIN)/python -m pytest -n 3 --dist loadfile --redis=cluster tests/store tests/sync tests/agents/test_client.py $(ARGS)

lint: $(READY)  ## ruff: rules and layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## mypy, strict
	$(BIN)/mypy

browser: $(READY)  ## the pages in headless Chromium (chromium and chromium-driver of the system)
	$(BIN)/python -m pytest -m browser $(ARGS)

simulate: $(READY)  ## whole worlds from seeds: SEEDS=2000 (15 to 30 min on two cores), FROM= the first one
	$(BIN)/python -m tests.simulation.runs --seeds $(or $(SEEDS),2000) $(if $(FROM),--from $(FROM))

soak: $(READY)  ## the same for MINUTES=30
	$(BIN)/python -m tests.simulation.runs --minutes $(or $(MINUTES),30) $(if $(FROM),--from $(FROM))

kill: $(READY)  ## a kill before and after every step of fixed stories (about 5 min), or every STRIDE=3rd
	$(BIN)/python -m tests.simulation.runs.kill --stride $(or $(STRIDE),1)

ablate: $(READY)  ## one mechanism taken out at a time: the simulation must turn red for each
	$(BIN)/python -m tests.simulation.runs.ablation

bench: $(READY)  ## measure
	$(BIN)/python -m bench $(ARGS)

lock: $(READY)  ## requirements.txt from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra service \
		--custom-compile-command "make lock" pyproject.toml --output-file requirements.txt

# The same requirements.txt gives the same bytes: no time and no serial number. The tool gets an environment of its own.
SBOM_TOOL := PYTHONWARNINGS=ignore $(BIN)/uv tool run --quiet --python $(BIN)/python --from $(CYCLONEDX)
sbom: $(READY)  ## build/sbom.cdx.json: every pinned package with its hashes, in CycloneDX, checked
	@mkdir -p build
	$(SBOM_TOOL) cyclonedx-py requirements --pyproject pyproject.toml --spec-version 1.6 --output-reproducible --validate \
		--output-file build/sbom.cdx.json requirements.txt
	$(SBOM_TOOL) python tests/security/run_sbom.py

# pip as old as the one that a Python brings along fails on some lock files and is slow; uv does the rest.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "$(PYTHON) must be Python 3.11, 3.12 or 3.13; name another one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --requirements pyproject.toml --all-extras --editable .
	@touch $@
