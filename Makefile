# The four things a developer types. Needs Python >= 3.11, git and make; all else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
# Most tests wait for servers, so three processes of tests suit two cores.
WORKERS ?= 3

.PHONY: env lock check test demo clean

env: .venv/.installed

.venv/.installed: requirements.lock requirements-uv.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock requirements-uv.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

lock:
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --group dev pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header requirements-uv.in --output-file requirements-uv.lock

check: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: env
	$(BIN)/python -m tests.components
	$(if $(LONG),DRAYAGE_TEST_LONG=1) $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

demo: env
	$(BIN)/drayage demo $(if $(KEEP),--keep) $(if $(FULL),--full)

clean:
	rm -rf .venv .cache
