# Each target installs what it needs; `make` alone lists them.

PYTHON ?=
ARGS ?=
SEED ?= 1
SEEDS ?= 1
ONLY ?=
VENV := .venv
BIN := $(VENV)/bin
# More processes than cores, as many tests wait for servers. Evaluated only when tests run.
PARALLEL = -n $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores + (cores + 1) / 2))) --dist worksteal
FAST := tests/config tests/integrations tests/i18n tests/models tests/sync

# Processes start in half the time if Python may cache compiled modules.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/installed-local ## Start everything on this machine; SANDBOX=0 for the real Moment and 24SevenOffice
	@$(BIN)/python -m local run $(ARGS)

.PHONY: worker
worker: $(VENV)/installed-local ## Run a command of the integration beside `make run`: ARGS="connections list"
	@$(BIN)/python -m local worker $(ARGS); code=$$?; \
	[ $$code -eq 1 ] || exit $$code  # 1 means findings, which it has printed

.PHONY: demo
demo: $(VENV)/installed-local ## Play a working day on the same stack in a temporary folder and report what was synced
	@$(BIN)/python -m local demo $(ARGS)

.PHONY: test
test: $(VENV)/installed-dev ## Run the tests on all cores; ARGS="tests/sync -x" for some of them, -n0 for one process
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

.PHONY: test-fast
test-fast: $(VENV)/installed-dev ## Run the fast tests of rules, flows and integrations, as after each save
	@$(BIN)/python -m pytest $(PARALLEL) -m "not kills and not slow and not thousands" $(FAST) $(ARGS)

.PHONY: test-thousands
test-thousands: $(VENV)/installed-dev ## Run the tests with large counts and those that play whole days
	@$(BIN)/python -m pytest -m thousands --hypothesis-profile=thousands $(ARGS)

.PHONY: test-browser
test-browser: $(VENV)/installed-dev ## Run the tests that use the pages in a browser; ARGS as for `make test`
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m pytest tests/browser -n 2 --dist loadfile $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/installed-dev ## Send 10,000 hostile requests to the endpoints, and thousands of hostile forms
	@$(BIN)/python -m pytest tests/web/test_hostile_requests.py tests/web/test_hostile_forms.py --hypothesis-profile=fuzz --timeout=3600 $(ARGS)

.PHONY: fuzz-api
fuzz-api: $(VENV)/installed-dev ## Send 5,000 requests to the API, valid and invalid by its OpenAPI document
	@$(BIN)/python -m pytest tests/web/api/test_openapi.py -m thousands --hypothesis-profile=thousands --timeout=3600 $(ARGS)

.PHONY: openapi
openapi: $(VENV)/installed-dev ## Write the API's description to docs/openapi.json
	@$(BIN)/python -m web.api

.PHONY: screenshots
screenshots: $(VENV)/installed-dev ## Take screenshots of every page for docs/screenshots/
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m tests.browser.screenshots

.PHONY: check
check: $(VENV)/installed-dev ## Check formatting, lint, types and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: try-install
try-install: $(VENV)/installed-dev ## Run the commands of docker-compose.yml with only what the images install
	@$(BIN)/python -m tests.deploy.try_install

.PHONY: try-images
try-images: $(VENV)/installed-dev ## Build the images, play a day in containers with the sandbox, and remove the containers
	@$(BIN)/python -m tests.deploy.try_images

.PHONY: format
format: $(VENV)/installed-dev ## Format the code
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

.PHONY: translations
translations: $(VENV)/installed-dev ## Update i18n/locales/nb/LC_MESSAGES/messages.po from the source
	@$(BIN)/python -m i18n

.PHONY: record
record: $(VENV)/installed-dev ## Record the cassettes again; with keys of real accounts, also report how those differ
	@$(BIN)/python -m tests.contracts.record

.PHONY: chaos
chaos: $(VENV)/installed-dev ## Play days full of failures and compare the ledgers afterwards: SEED=7 SEEDS=20
	@$(BIN)/python -m tests.chaos --seed=$(SEED) --seeds=$(SEEDS) $(ARGS)

.PHONY: drill
drill: $(VENV)/installed-dev ## Play the runbook on this machine, about ten minutes; ONLY=worker for one drill
	@$(BIN)/python -m tests.drill --only="$(ONLY)" $(ARGS)

.PHONY: alerts
alerts: var/promtool ## Test the alert rules with promtool on the cases of alerts_test.yml
	@var/promtool check rules deploy/prometheus/alerts.yml
	@var/promtool test rules deploy/prometheus/alerts_test.yml

# If promtool is not installed, extract it from Debian's package without installing that.
var/promtool:
	@mkdir -p var; found=$$(command -v promtool) && ln -s "$$found" $@ && exit 0; \
	taken=$$(mktemp -d) && trap 'rm -rf "$$taken"' EXIT && \
	( cd "$$taken" && apt-get download -q prometheus && dpkg -x prometheus_*.deb . ) && \
	cp "$$taken/usr/bin/promtool" $@ || \
	{ echo "promtool, which comes with Prometheus, is needed (on Debian and Ubuntu: apt-get update first)." >&2; exit 1; }

.PHONY: audit
audit: $(VENV)/installed-local ## Check the locked packages against PyPI's advisories
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	$(BIN)/python -m venv "$$tools" && \
	"$$tools/bin/pip" install -q --disable-pip-version-check pip-audit && \
	"$$tools/bin/pip-audit" --strict --disable-pip --require-hashes --progress-spinner=off \
		-r requirements.lock -r requirements-local.lock -r requirements-sandbox.lock -r requirements-dev.lock $(ARGS) || \
	{ echo "The audit failed or found advisories: see the lines above." >&2; exit 1; }

.PHONY: release-check
release-check: $(VENV)/installed-dev ## Try the last commit in a fresh clone: check, try-install, tests, demo, audit, version, screenshots
	@$(BIN)/python -m tests.deploy.release_check

.PHONY: bench
bench: $(VENV)/installed-dev ## Measure speed and scale against a conventional implementation; ONLY=burst for one row
	@$(BIN)/python -m tests.bench --only="$(ONLY)" $(ARGS)

.PHONY: lock
lock: $(VENV)/installed-local ## Write the lock files from pyproject.toml; ARGS=--upgrade for newer versions
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	$(BIN)/python -m venv "$$tools" && \
	"$$tools/bin/pip" install -q --disable-pip-version-check uv && \
	compile="$$tools/bin/uv pip compile --no-cache -q --universal --python-version 3.11 --generate-hashes --no-header $(ARGS)" && \
	$$compile pyproject.toml -o requirements.lock && \
	$$compile pyproject.toml --group local -c requirements.lock -o requirements-local.lock && \
	$$compile pyproject.toml --group local --group dev -c requirements-local.lock -o requirements-dev.lock && \
	$$compile --group sandbox -c requirements-local.lock -o requirements-sandbox.lock && \
	$$compile --group build -o requirements-build.lock

.PHONY: clean
clean: ## Remove the tools' files; the data in var/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Running needs no developer tools. Developing needs both lock files.
$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed-local
	@$(BIN)/python -m local.install dev

# A Python named in PYTHON is used or refused, never ignored.
.PHONY: check-python
check-python:
	@[ -n "$(PYTHON)" ] || exit 0; \
	refuse() { echo "PYTHON=$(PYTHON) cannot be used: $$1." >&2; exit 1; }; \
	identify() { "$$1" -c "import sys; print(sys.base_prefix, sys.version)" 2>/dev/null; }; \
	requested=$$(identify $(PYTHON)) || refuse "no Python starts under this name"; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || refuse "Python 3.11 or newer is needed"; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		refuse "its venv module is missing (on Debian and Ubuntu: apt install python3-venv)"; \
	[ ! -x $(BIN)/python ] || [ "$$requested" = "$$(identify $(BIN)/python)" ] || \
		refuse "$(VENV) was made with another Python; run \`make clean\` first"

# The newest Python that can make a virtual environment; a name on PATH may be a shim with no Python behind it.
$(VENV)/installed-local: requirements-local.lock $(BIN)/python | check-python
	@for python in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3); do \
		if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			exec $$python -m local.install local; \
		fi; \
	done; \
	echo "Python 3.11 or newer with its venv module is needed (on Debian and Ubuntu: apt install python3-venv)." >&2; \
	exit 1

# If it is missing or links to a removed Python, everything is installed again.
$(BIN)/python: ;
