# Two commands matter: `make talk` (hear it) and `make test` (trust it). Both make their own virtual environment.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
CLIENTS := openai agents pipecat livekit mcp
QUESTION := src/antiphon/presets/nano/question.wav

.PHONY: talk console pictures test test-slow test-clients test-console test-vllm test-gpu audit soak long-soak train-smoke lint clean

# --- hear it: a recorded question is answered aloud into answer.wav --------------------------------------------------

talk: $(VENV)/.installed
	$(BIN)/antiphon talk $(QUESTION) -o answer.wav --transcribe --timings

# the page that `antiphon serve` shows, built into the package; needs Node and npm, which running it does not
console: console/node_modules/.made
	cd console && npm run build
	$(PYTHON) console/sources.py --write

console/node_modules/.made: console/package-lock.json
	cd console && npm ci
	touch $@

# --- trust it ---------------------------------------------------------------------------------------------------------

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -rs --durations=10

test-slow: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "slow and not console" -rs --durations=10

train-smoke: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/antiphon train recipes/nano --smoke

test-gpu: $(VENV)/.dev
	@device=$$($(BIN)/python -m antiphon.cli.accelerator); \
	if [ -z "$$device" ]; then echo "test-gpu: skipped, torch sees no GPU on this machine"; else \
	  $(BIN)/antiphon verify tests/golden/language-model --device $$device && \
	  $(BIN)/antiphon verify tests/golden/token2wav --device $$device && \
	  ANTIPHON_DEVICE=$$device $(BIN)/pytest -m gpu; fi

# other people's clients against `antiphon serve`, each in an environment of its own
test-clients: $(VENV)/.dev $(CLIENTS:%=.clients/%/.made)
	OMP_NUM_THREADS=1 $(BIN)/pytest -m clients tests/clients -rs --durations=5

# the page in Debian's chromium, headless, with a recording for a microphone; needs Node and npm
test-console: $(VENV)/.dev console/node_modules/.made
	$(BIN)/python -m pip install --quiet --requirement tests/console/requirements.txt
	OMP_NUM_THREADS=1 $(BIN)/pytest -m console tests/console -rs --durations=5

# the pictures of docs/console/, every state at two sizes in two colours
pictures: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --requirement tests/console/requirements.txt
	$(BIN)/python -m tests.console.pictures

# a server among guests who talk, stall, vanish and flood: minutes, or half an hour and two hours
soak: $(VENV)/.dev
	OMP_NUM_THREADS=1 ANTIPHON_SOAK_S=300 $(BIN)/pytest -m soak tests/soak -s

long-soak: $(VENV)/.dev
	OMP_NUM_THREADS=1 ANTIPHON_SOAK_RESULT=benches/results/soak.json ANTIPHON_SOAK_S=1800 $(BIN)/pytest -m soak tests/soak -s
	OMP_NUM_THREADS=1 ANTIPHON_SOAK_RESULT=benches/results/soak.json ANTIPHON_SOAK_S=7200 $(BIN)/pytest -m soak tests/soak -s

# known weaknesses of all that is installed, as far as the index tells of them
audit: $(VENV)/.dev .clients/audit/.made
	.clients/audit/bin/pip-audit --progress-spinner off --skip-editable \
	  --path $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

# vLLM as the engine, the build for processors, against our own; it installs 3.5 GB
test-vllm: $(VENV)/.dev .clients/vllm/.made
	OMP_NUM_THREADS=1 $(BIN)/pytest -m clients tests/runtime/test_vllm.py -rs --durations=5

# --- environments: made once, renewed when pyproject.toml changes -----------------------------------------------------

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

.clients/%/.made: tests/clients/requirements-%.txt
	$(PYTHON) -m venv .clients/$*
	.clients/$*/bin/python -m pip install --quiet --requirement $<
	touch $@

# torchvision, torchaudio and torchcodec come with vLLM built for CUDA, and cannot be loaded without
.clients/vllm/.made: tests/clients/requirements-vllm.txt
	$(PYTHON) -m venv .clients/vllm
	.clients/vllm/bin/python -m pip install --quiet --requirement $<
	.clients/vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	.clients/vllm/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.clients/mcp/.made: tests/clients/requirements-mcp.txt tests/clients/package-mcp.txt
	$(PYTHON) -m venv .clients/mcp
	.clients/mcp/bin/python -m pip install --quiet --requirement $<
	npm install --silent --prefix .clients/mcp $$(cat tests/clients/package-mcp.txt)
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[dev,recipes,train,live,server,webrtc,eval,parquet,docs,mcp,c2pa]"
	touch $(VENV)/.installed $@

clean:
	rm -rf build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
