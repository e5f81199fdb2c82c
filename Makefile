# Every target sets itself up on a fresh clone: a virtual environment in .venv with the pinned packages.
# Without make (Windows): see the plain pip lines in the README.

PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
READY := .venv/ready
MARP := build/marp/ready
BROWSER_TEST := tests/notebooks/test_jupyterlab.py
# A file a worker at a time, one thread a worker: two workers with two threads each would wait for each other.
WORKERS := OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest -n auto --maxprocesses 4 --dist loadfile
NOTEBOOKS := $(sort $(wildcard notebooks/[0-9][0-9]_*.ipynb))

.DEFAULT_GOAL := help
.PHONY: help setup course lab test test-fast bench statements bundle doctor exhibits badges slides clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## make .venv with the pinned packages (the other targets do it by themselves)

# The stamp is written last, so a set-up that was cut off is done again from the start.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "The course needs Python 3.11 or newer; '$(PYTHON)' is not, or is not there."; \
	  echo "Install one from python.org or your system's packages, then name it:  make PYTHON=python3.12 course"; exit 1; }
	@rm -f $(READY)
	$(PYTHON) -m venv --clear .venv
	$(VENV_PYTHON) -m pip install -r requirements.txt
	$(VENV_PYTHON) -m pip install --no-deps -e .
	@touch $(READY)

course: $(READY) ## run every notebook, print a table, write build/report/index.html
	$(VENV_PYTHON) -m course_utils course

lab: $(READY) ## open JupyterLab on the first notebook
	$(VENV_PYTHON) -m course_utils lab

test-fast: $(READY) ## lint, types and unit tests
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m mypy
	$(WORKERS) tests --ignore $(BROWSER_TEST)

test: test-fast ## the same, then JupyterLab in a browser, and every notebook re-executed
	$(VENV_PYTHON) -m pytest $(BROWSER_TEST)
	@# Copies are run, with their own build folder, so that nothing is written beside the notebooks.
	@rm -rf build/nbval && mkdir -p build/nbval/notebooks
	$(if $(NOTEBOOKS),cp $(NOTEBOOKS) build/nbval/notebooks)
	$(if $(NOTEBOOKS),COURSE_BUILD="$(CURDIR)/build/nbval/build" $(WORKERS) --nbval-lax --nbval-current-env --nbval-cell-timeout=900 build/nbval/notebooks,@echo "There are no notebooks to run.")

bench: $(READY) ## measure the training loop against the bare step and against Trainer
	$(VENV_PYTHON) benchmarks/run.py

statements: $(READY) ## run the notebooks with five seeds, print the verdict on each statement
	$(VENV_PYTHON) -m course_utils statements

bundle: $(READY) ## rebuild the corpora and models that ship in data/
	$(VENV_PYTHON) data/recipes/build.py

exhibits: $(READY) ## list the exhibits: the paper's figure beside ours
	$(VENV_PYTHON) -m course_utils exhibits

doctor: $(READY) ## say what works on this machine
	$(VENV_PYTHON) -m course_utils doctor

# Marp's exact versions are in slides/package-lock.json; they are installed under build/, never beside the sources.
$(MARP): slides/package.json slides/package-lock.json
	@command -v npm >/dev/null || { \
	  echo "The slides are made with Marp, which needs Node 18 or newer and its npm; 'npm' is not there."; \
	  echo "Install Node from nodejs.org or your system's packages, then type make slides again."; exit 1; }
	@rm -rf build/marp && mkdir -p build/marp && cp $^ build/marp/
	cd build/marp && npm ci --no-audit --no-fund
	@touch $(MARP)

slides: $(READY) $(MARP) ## make the slides in build/slides/: HTML and PDF (needs npm and Chromium)
	$(VENV_PYTHON) slides/decks.py

badges: $(READY) ## for authors: write the course's address everywhere: make badges REPO=owner/name
	$(VENV_PYTHON) tools/badges.py $(REPO)

clean: ## remove what the commands wrote: build/ and .venv/
	rm -rf build .venv
