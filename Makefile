# SPDX-License-Identifier: BSD-2-Clause
#
# Everything a person types. Each target installs what it needs first (tools/bootstrap).

PYTHON   := .venv/bin/python
RACESHIM := .venv/bin/raceshim
JOBS     ?= 2
# What the installed package is made of; a change in any of them installs it again.
SOURCES  := $(shell find annotations shim harness cmake CMakeLists.txt pyproject.toml README.md LICENSE \
                    -type f -not -name '*.pyc' 2>/dev/null)
C_FILES  := $(shell git ls-files '*.c' '*.cpp' '*.h' ':!testdata/reports/src')

.PHONY: help gate test test-long cover lint format verdicts api bench clean bootstrap

help:
	@echo 'make gate       judge every program of testdata/ under ThreadSanitizer and show the table'
	@echo 'make test       lint, then all tests (under 20 minutes on 2 cores)'
	@echo 'make test-long  the slower proofs: every program 20 times on every compiler, long fuzzing'
	@echo 'make cover      lines and branches of shim/ and annotations/ that the tests execute'
	@echo 'make lint       clang-format, clang-tidy, ruff, mypy'
	@echo 'make format     let clang-format and ruff lay the sources out'
	@echo 'make verdicts   write docs/verdicts.md anew (20 runs of each program on each compiler)'
	@echo 'make api        write docs/api/next.txt anew'
	@echo 'make bench      the benchmarks, as ratios'

bootstrap:
	@tools/bootstrap

# The package, built and installed the way users get it; tests run against this copy.
.venv/installed: $(SOURCES) | bootstrap
	@CC=clang-19 $(PYTHON) -m pip install --quiet --disable-pip-version-check \
		--no-build-isolation --no-deps --force-reinstall .
	@touch $@

gate: .venv/installed
	$(RACESHIM) gate testdata --jobs $(JOBS)

test: lint
	$(PYTHON) -m pytest -n $(JOBS) -m 'not long'

test-long: .venv/installed
	@tools/bootstrap long
	RACESHIM_FUZZ=1000000 $(PYTHON) -m pytest -n $(JOBS)

cover: .venv/installed
	$(PYTHON) tools/cover.py --jobs $(JOBS)

lint: .venv/installed
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	@clang-format-19 --dry-run -Werror $(C_FILES)
	tools/tidy

format: bootstrap
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format
	clang-format-19 -i $(C_FILES)

verdicts: .venv/installed
	$(RACESHIM) gate testdata --compiler all --runs 20 --jobs $(JOBS) --table docs/verdicts.md

api: .venv/installed
	$(PYTHON) tools/list_api.py --write

bench: .venv/installed
	bench/run

clean:
	rm -rf build dist .venv
