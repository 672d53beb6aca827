# "make run" and "make test" need Python 3.10 or newer with venv, and nothing else. See "make help".

PYTHON ?= python3

# Each interpreter has an environment of its own, made once and made anew when pyproject.toml changes.
ifeq ($(PYTHON),python3)
  ENV := .venv
else
  ENV := .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
endif
IN_ENV := $(ENV)/bin/python -m
PIP := $(IN_ENV) pip --quiet --disable-pip-version-check

# Trial is content with no tests at all.
LEAST_UNIT_TESTS := 600

.PHONY: help run test wheel bench bench-quick clean

help:
	@echo 'make run      start three small backends, and tinylb in front of them on 127.0.0.1:6443'
	@echo 'make test     run ruff, mypy, the unit tests under trial, and all tests under pytest'
	@echo 'make wheel    build dist/tinylb-*.whl'
	@echo 'make bench    measure tinylb beside other proxies for twenty minutes, into benchmarks/results;'
	@echo '              make bench-quick does the main part in less than two'
	@echo 'make clean    remove all that these have made'
	@echo
	@echo 'PYTHON=python3.12, for example, chooses the interpreter.'

run: $(ENV)/run.stamp
	@$(ENV)/bin/python examples/demo.py

test: $(ENV)/test.stamp
	@echo 'ruff'
	@$(IN_ENV) ruff check --quiet .
	@$(IN_ENV) ruff format --check --quiet .
	@echo 'mypy'
	@$(IN_ENV) mypy --no-error-summary
	@echo 'trial'
	@$(IN_ENV) twisted.trial --reporter text --temp-directory $(ENV)/trial tests.unit >$(ENV)/trial.log 2>&1 \
	    || { cat $(ENV)/trial.log; exit 1; }
	@ran=$$(sed -n 's/^Ran \([0-9]*\) tests in .*/\1/p' $(ENV)/trial.log); \
	    test "$${ran:-0}" -ge $(LEAST_UNIT_TESTS) \
	    || { echo "trial ran $${ran:-0} unit tests; there are at least $(LEAST_UNIT_TESTS)"; exit 1; }
	@echo 'pytest'
	@$(IN_ENV) pytest --quiet -rsfE $(PYTEST_OPTIONS)

wheel: $(ENV)/run.stamp
	@rm -f dist/tinylb-*.whl
	@$(PIP) wheel --no-deps --wheel-dir dist .

# Proxies and tools that are not installed are left out, and that is said.
bench: $(ENV)/bench.stamp
	@mkdir -p benchmarks/results
	@$(IN_ENV) benchmarks --json benchmarks/results/full.json --svg benchmarks/results/full.svg \
	    --markdown benchmarks/results/full.md

bench-quick: $(ENV)/bench.stamp
	@$(IN_ENV) benchmarks --quick

clean:
	rm -rf .venv .venv-* build dist _trial_temp* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f twisted/plugins/dropin.cache
	find tinylb benchmarks tests examples twisted -name __pycache__ -prune -exec rm -r {} +

$(ENV)/run.stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "tinylb needs Python 3.10 or newer, and \
	$(PYTHON) is %d.%d; choose another: make PYTHON=python3.12" % sys.version_info[:2])'
	@echo 'Making the environment $(ENV)'
	@$(PYTHON) -m venv --clear $(ENV)
	@$(PIP) install --editable .
	@touch $@

# The pip that comes with an older Python does not know --group.
$(ENV)/test.stamp: $(ENV)/run.stamp
	@echo 'Adding to $(ENV) what the tests need'
	@$(PIP) install 'pip>=25.1'
	@$(PIP) install --editable '.[all]' --group test
	@touch $@

$(ENV)/bench.stamp: $(ENV)/run.stamp
	@echo 'Adding to $(ENV) what the benchmarks need'
	@$(PIP) install 'pip>=25.1'
	@$(PIP) install --group bench
	@touch $@
