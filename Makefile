# What can be done here? `make` alone says it. Python 3.11 or later and make are all that is needed;
# everything else comes into $(VENV) on first use.

VENV  ?= .venv
BIN   := $(VENV)/bin
ARGS  ?=
SOAK_RUNS ?= 20
PYTEST := $(BIN)/python -m pytest

# one stamp for each set of packages; a newer pyproject.toml installs again
BASE      := $(VENV)/.installed-base
NOTEBOOKS := $(VENV)/.installed-notebooks
DEV       := $(VENV)/.installed-dev

# what is compiled is kept, also where the environment says otherwise: each test starts many a process
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help verify test conformance notebooks long lint examples bench mutants soak browser refresh lab book sbom lock clean

help: ## list the targets | 列出各个目标
	@awk -F ':.*## ' -v lang="$${TURNAFFINITY_LANG:-en}" '/^[a-z-]+:.*## / { split($$2, said, " [|] "); \
	  printf "make %-12s %s\n", $$1, said[lang ~ /^zh/ ? 2 : 1] }' $(firstword $(MAKEFILE_LIST))

verify: $(BASE) ## judge the reference on a live server, as a newcomer does (ARGS="--lua FILE" and so on) | 像新来的人那样，在真实运行的服务器上判定参考实现（ARGS="--lua FILE" 等）
	@$(BIN)/turnaffinity verify $(ARGS)

test: $(DEV) conformance ## what is run every day: conformance suite, notebooks, our own tests | 每天要跑的：符合性套件、notebook、我们自己的测试
	$(PYTEST) notebooks tests --ignore notebooks/zh --nbval -n 2 --dist loadfile --no-loadscope-reorder -q

conformance: $(DEV) ## the suite under pytest, on the reference | 用 pytest 在参考实现上跑套件
	$(PYTEST) conformance -q

notebooks: $(DEV) ## run every notebook and compare its outputs | 执行每个 notebook 并比对输出
	$(PYTEST) notebooks --ignore notebooks/zh --nbval -n 2 --dist loadfile -q

long: $(DEV) ## what CI runs besides: the tests marked long, and the Chinese notebooks | CI 另外要跑的：标为 long 的测试，以及中文版 notebook
	$(PYTEST) tests -m long -n 2 --dist loadfile -q
	$(PYTEST) notebooks/zh --nbval -n 2 --dist loadfile -q

lint: $(DEV) ## ruff (rules and format) and mypy --strict | ruff（规则和格式）和 mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

examples: ## build the example implementations that need it (rust, node) | 构建需要构建的示例实现（rust、node）
	@for folder in conformance/implementations/*/; do \
	  if [ -f $$folder/Cargo.toml ]; then \
	    if cargo --version >/dev/null 2>&1; then (cd $$folder && cargo build --release --quiet) || exit 1; echo "built $$folder"; \
	    else echo "skipped $$folder: cargo is not here, or has no toolchain under this HOME"; fi; \
	  elif [ -f $$folder/package.json ]; then \
	    if command -v npm >/dev/null; then (cd $$folder && { [ -d node_modules ] || npm ci --silent --no-fund --no-audit; }) || exit 1; echo "built $$folder"; \
	    else echo "skipped $$folder: npm is not here"; fi; \
	  fi; \
	done

bench: $(BASE) ## the speed table, as ratios | 速度表，以比值给出
	@$(BIN)/turnaffinity bench $(ARGS)

mutants: $(DEV) ## the kill matrix: does each rule catch its own mistake? | 变异矩阵：每条规则都抓得住自己的错误吗？
	@$(BIN)/turnaffinity mutants $(ARGS)

soak: $(DEV) ## the long forms: tests marked soak, then verify under SOAK_RUNS seeds | 更长的形式：标为 soak 的测试，再用 SOAK_RUNS 个种子做 verify
	$(PYTEST) tests -m soak -q || [ $$? -eq 5 ]
	@mkdir -p out; for seed in $$(seq 1 $(SOAK_RUNS)); do \
	  $(BIN)/turnaffinity verify --seed $$seed >out/soak.txt 2>&1 || { cat out/soak.txt; echo "seed $$seed"; exit 1; }; \
	done; echo "$(SOAK_RUNS) seeds, all conform"

browser: $(DEV) ## JupyterLab and the book in a real headless Chromium; screenshots in out/ | 在真实的无头 Chromium 里打开 JupyterLab 和书；截图在 out/
	$(PYTEST) tests -m browser -q || [ $$? -eq 5 ]

refresh: $(DEV) ## execute every notebook anew, and store its outputs | 重新执行每个 notebook 并保存输出
	@$(BIN)/python -m turnaffinity.notebook.refresh

lab: $(NOTEBOOKS) ## JupyterLab on the notebooks, with a live server behind them | 在 notebook 上打开 JupyterLab，背后是真实运行的服务器
	@$(BIN)/turnaffinity lab $(ARGS)

book: $(NOTEBOOKS) ## notebooks and reference, in both languages, as HTML with search, in out/book | notebook 和参考手册，两种语言，可搜索的 HTML，在 out/book
	@$(BIN)/python -c 'import sphinx, myst_nb, furo, jieba' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[book]'
	@$(BIN)/python -m turnaffinity.book.source out/book-source
	@$(BIN)/python -m sphinx -q -W --keep-going -j auto -b html out/book-source out/book
	@$(BIN)/python -m sphinx -q -W --keep-going -j auto -t zh -b html -c out/book-source out/book-source/zh out/book/zh
	@echo "open out/book/index.html"

sbom: $(BASE) ## what the package brings with it, as CycloneDX, in out/sbom.cdx.json | 这个包带来了什么，CycloneDX 格式，在 out/sbom.cdx.json
	@mkdir -p out && rm -rf out/sbom-env out/sbom-tool
	@for env in env tool; do $(BIN)/python -m venv out/sbom-$$env || exit 1; done
	@out/sbom-tool/bin/python -m pip install --quiet --disable-pip-version-check 'cyclonedx-bom>=5' 2>/dev/null
	@out/sbom-env/bin/python -m pip install --quiet --disable-pip-version-check . 2>/dev/null
	@out/sbom-tool/bin/cyclonedx-py environment out/sbom-env/bin/python --pyproject pyproject.toml --mc-type library \
	  --output-reproducible --of JSON -o out/sbom.cdx.json
	@rm -rf out/sbom-env out/sbom-tool && echo "wrote out/sbom.cdx.json"

lock: $(DEV) ## write the versions that CI installs, from this environment | 按本环境写下 CI 要安装的版本
	@{ echo '# What CI installs (make lock). The package itself asks for less: see pyproject.toml.'; \
	  $(BIN)/python -m pip freeze --exclude-editable --exclude turnaffinity; } >requirements-ci.txt

clean: ## delete caches and what was built (the environment stays: rm -rf $(VENV)) | 删除缓存和构建出的东西（环境保留：rm -rf $(VENV)）
	@rm -rf out dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@rm -rf conformance/implementations/*/target conformance/implementations/*/node_modules
	@find turnaffinity tests conformance notebooks -name __pycache__ -type d -prune -exec rm -rf {} +

# a candidate is run, not only looked for: a shim on PATH may stand for a version that is not installed
$(BIN)/python:
	@for python in python3.13 python3.12 python3.11 python3 python; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    echo "making $(VENV) with $$($$python --version)"; \
	    $$python -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	    echo "error: $$python cannot make an environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	  fi; \
	done; \
	echo "error: Python 3.11 or later is needed, and none is on PATH; install one, for instance from https://www.python.org/downloads/" >&2; \
	exit 1

# [fast] where there are wheels of it, and else without: nothing is built for it
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
WITH_FAST := $(PIP) --only-binary ahocorasick-rs -e

$(BASE): pyproject.toml | $(BIN)/python
	@$(WITH_FAST) '.[fast]' 2>/dev/null || $(PIP) -e .
	@touch $@

$(NOTEBOOKS): pyproject.toml | $(BIN)/python
	@$(WITH_FAST) '.[notebooks,fast]' 2>/dev/null || $(PIP) -e '.[notebooks]'
	@touch $@ $(BASE)

$(DEV): pyproject.toml | $(BIN)/python
	@$(WITH_FAST) '.[dev,fast]' 2>/dev/null || $(PIP) -e '.[dev]'
	@touch $@ $(BASE) $(NOTEBOOKS)
