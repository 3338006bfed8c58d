# The verbs of a contributor: make install check test docs bench. For a newcomer: make demo.
# A machine needs Python 3.11 or newer and make; everything else is fetched into .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
MYPY_CACHE ?= .mypy_cache
WORKERS ?= auto
ARGS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist loadgroup

# Settings of the machine that say how to reach an index are kept; all else that would change what is installed is not.
KEPT := PIP_INDEX_URL PIP_CERT PIP_CLIENT_CERT PIP_PROXY PIP_TRUSTED_HOST PIP_DEFAULT_TIMEOUT PIP_TIMEOUT PIP_RETRIES \
	PIP_CONFIG_FILE PIP_CACHE_DIR UV_DEFAULT_INDEX UV_INDEX_URL UV_INSECURE_HOST UV_NATIVE_TLS UV_SYSTEM_CERTS \
	UV_HTTP_TIMEOUT UV_CACHE_DIR UV_CONCURRENT_DOWNLOADS UV_LINK_MODE
$(foreach name,$(filter-out $(KEPT),$(filter PIP_% UV_%,$(.VARIABLES))),$(eval unexport $(name)))
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE VIRTUAL_ENV

.PHONY: help install check check-ruff check-format check-types check-imports check-shell check-workflows \
	check-terraform format \
	test test-all coverage real-tests crash-matrix docs bench demo clean

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

install: $(STAMP) ## make .venv with everything that a contributor needs

# Old pips know no SSL_CERT_FILE, so the company's certificates are handed to them by their own name for it.
$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) is not Python 3.11 or newer. Choose one that is: make install PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "error: $(PYTHON) lacks venv or ensurepip. On Debian and Ubuntu: apt-get install python3-venv." \
	    "Or choose another Python: make install PYTHON=python3.12" >&2; exit 1; }
	@version=$$(sed -n '/^name = "uv"$$/{n;s/^version = "\(.*\)"$$/\1/p;}' uv.lock); \
	if [ "$$($(BIN)/uv --version 2>/dev/null | cut -d' ' -f2)" != "$$version" ]; then \
	  echo "making $(VENV) with $$($(PYTHON) --version) and uv $$version"; \
	  $(PYTHON) -m venv --clear $(VENV) && \
	  PIP_CERT="$${PIP_CERT:-$${REQUESTS_CA_BUNDLE:-$${SSL_CERT_FILE:-}}}" && \
	  { [ -n "$$PIP_CERT" ] && export PIP_CERT || unset PIP_CERT; } && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input "uv==$$version"; \
	fi
	@UV_PROJECT_ENVIRONMENT=$(abspath $(VENV)) $(BIN)/uv sync --quiet --frozen --no-python-downloads --compile-bytecode
	@touch $@

check: check-ruff check-format check-types check-imports check-shell check-workflows check-terraform docs ## everything that is read, not run

check-ruff: $(STAMP)
	$(BIN)/ruff check --quiet .

check-format: $(STAMP)
	$(BIN)/ruff format --quiet --check . || { echo "run: make format" >&2; exit 1; }

check-types: $(STAMP)
	@for platform in linux darwin win32; do \
	  echo "mypy --platform $$platform"; \
	  $(BIN)/mypy --no-error-summary --platform $$platform --cache-dir $(MYPY_CACHE)/$$platform || exit 1; \
	done

check-imports: $(STAMP)
	$(BIN)/lint-imports --cache-dir .import_linter_cache

check-shell: $(STAMP)
	find .ci bench deployer docs examples infra manifests targets tests -type f \
	  \( -name '*.sh' -o -path '.ci/*' -o -path tests/engine/up -o -path tests/engine/down -o -path tests/engine/images -o -path tests/engine/newer \
	  -o -path tests/cluster/up -o -path tests/cluster/down -o -path tests/cluster/part -o -path tests/cluster/boot \
	  -o -path tests/cluster/build -o -path tests/cluster/keda -o -path tests/cluster/kserve \) \
	  2>/dev/null | xargs $(BIN)/shellcheck

ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.7
check-workflows: $(STAMP)
	@if command -v actionlint >/dev/null; then echo actionlint; actionlint -shellcheck $(BIN)/shellcheck; \
	elif [ -x $(BIN)/actionlint ]; then echo $(BIN)/actionlint; $(BIN)/actionlint -shellcheck $(BIN)/shellcheck; \
	elif command -v go >/dev/null; then echo "go run $(ACTIONLINT)"; \
	  go run $(ACTIONLINT) -shellcheck $(BIN)/shellcheck .github/workflows/*.yml; \
	elif [ -n "$$CI" ]; then echo "error: neither actionlint nor go is here to check the workflows" >&2; exit 1; \
	else echo "workflows are not checked: neither actionlint nor go is here"; fi

# Its form; that it is valid, the tests ask Terraform itself, where it is installed.
HCLFMT := github.com/hashicorp/hcl/v2/cmd/hclfmt@v2.25.0
check-terraform:
	@if command -v terraform >/dev/null; then echo terraform fmt; for each in infra/aws infra/azure; do terraform fmt -check -diff -recursive $$each || exit 1; done; \
	elif command -v tofu >/dev/null; then echo tofu fmt; for each in infra/aws infra/azure; do tofu fmt -check -diff -recursive $$each || exit 1; done; \
	elif command -v go >/dev/null; then echo "go run $(HCLFMT)"; \
	  for file in $$(find infra/aws infra/azure -name '*.tf'); do go run $(HCLFMT) <$$file | diff -u $$file - || exit 1; done; \
	elif [ -n "$$CI" ]; then echo "error: neither terraform, tofu nor go is here to check infra" >&2; exit 1; \
	else echo "infra is not checked: neither terraform, tofu nor go is here"; fi

format: $(STAMP) ## put the code into its one form
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format --quiet .

test: $(STAMP) ## run the tests; ARGS='-k name' for some
	$(PYTEST) $(ARGS)

test-all: $(STAMP) ## run also the cases that ask once more, on something slow, what others ask
	DEPLOYER_TEST_EVERY_CASE=1 $(PYTEST) $(ARGS)

coverage: $(STAMP) ## run the tests and say which lines they miss
	@mkdir -p reports/coverage
	$(PYTEST) --cov --cov-report=term --cov-report=html $(ARGS)

real-tests: $(STAMP) ## write tests/real-tests.txt anew: what CI must have run
	$(BIN)/python -m pytest -q --collect-only --write-real-tests >/dev/null
	@cat tests/real-tests.txt

crash-matrix: $(STAMP) ## kill the engine at every single step, on every target that is here (long)
	@mkdir -p reports
	$(BIN)/python -m deployer.testing.crash --target memory --report reports/crash-matrix-memory.json $(ARGS)
	$(BIN)/python -m deployer.testing.crash --target local --report reports/crash-matrix-local.json $(ARGS)
	@if DOCKER_HOST="$${DEPLOYER_TEST_DOCKER_HOST:-$$DOCKER_HOST}" docker version >/dev/null 2>&1 && [ -n "$$DEPLOYER_TEST_BASE_IMAGE" ]; then \
	  set -x; $(BIN)/python -m deployer.testing.crash --target docker --report reports/crash-matrix-docker.json $(ARGS); \
	else echo "skipped: --target docker (no engine answers, or tests/engine/up has not made its images)"; fi
	@if [ -n "$$DEPLOYER_TEST_KUBECONFIG" ] && [ -n "$$DEPLOYER_TEST_BASE_IMAGE" ]; then \
	  set -x; $(BIN)/python -m deployer.testing.crash --target kubernetes --report reports/crash-matrix-kubernetes.json $(ARGS); \
	else echo "skipped: --target kubernetes (tests/cluster/up has started no cluster)"; fi
	@if [ -n "$$DEPLOYER_TEST_REGISTRY" ] && [ -n "$$DEPLOYER_TEST_BASE_IMAGE" ]; then \
	  set -x; $(BIN)/python -m deployer.testing.crash --target sagemaker --report reports/crash-matrix-sagemaker.json $(ARGS) && \
	  $(BIN)/python -m deployer.testing.crash --target azureml --report reports/crash-matrix-azureml.json $(ARGS); \
	else echo "skipped: --target sagemaker and azureml (tests/engine/up has started no registry)"; fi

docs: $(STAMP) ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

bench: $(STAMP) ## measure against the goals
	@failed=; for script in bench/*.py; do echo "$$script"; $(BIN)/python $$script || failed="$$failed $$script"; done; \
	if [ -n "$$failed" ]; then echo "short of a goal:$$failed" >&2; exit 1; fi

demo: $(STAMP) ## deploy, predict, update under load, delete: the main job, on this machine
	@PATH="$(abspath $(BIN)):$$PATH" examples/demo.sh

clean: ## remove what make made, .venv too
	rm -rf $(VENV) site dist reports .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
