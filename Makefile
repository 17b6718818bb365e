# `make` prints what each target is for.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test check install install-dev chromium demo

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | sort | expand -t 24

run: install ## install, then open the dashboard on the demo world (prints its address)
	$(BIN)/airlens serve

test: install-dev chromium check ## install with development tools, then every check and every test
	$(BIN)/pytest

check: ## format, lint, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# torch comes first and alone: asked for by another package, pip may take a build with gigabytes of CUDA.
$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet "torch==2.13.*"
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet "torch==2.13.*"
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@ $(VENV)/.installed

chromium: ## get a browser for the tests, where there is none and it can
	@command -v chromium chromium-browser google-chrome >/dev/null || \
	  { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk; } || \
	  echo "No Chromium: the browser tests will be skipped. Install one (Debian: apt-get install chromium)."

geography: install ## make assets/geo from Natural Earth and GeoNames in SRC
	$(BIN)/python -m engine.research.demo.geography_extract $(SRC)

demo: install ## assets/demo anew: the two windows of the demo world that ship
	$(BIN)/python -m engine.research.demo.build_demo

results-demo-world: install ## docs/demo-world.md: the demo world beside real cities and streets
	$(BIN)/python -m engine.research.demo.statistics

results-onemap: install ## docs/results/onemap.*: coarse maps made finer and merged with stations, on real data (minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m engine.research.onemap.page

fuzz: install-dev ## a thousand changed files of each kind through the readers (minutes)
	AIRLENS_FUZZ=1000 $(BIN)/pytest -q tests/engine/data/test_mutations.py

bench-fusion: install ## docs/results/fusion-speed.json: 1 500 stations merged into 100 000 cells, beside a plain loop
	$(BIN)/python -m engine.research.bench.fusion

bench-twin: install ## docs/results/twin.json: simulated days of the demo world a second
	$(BIN)/python -m engine.research.bench.twin

results-classical: ## docs/results/classical.*: interpolation and historical ratios on WUSTL 2015–2018
	$(BIN)/python -m engine.research.comparison.tables classical

COMPARED := ../shared/data/wustl/V5GL04_PM25_eastasia_monthly_1998-2018.nc
COMPARISONS := docs/results/comparison
# One thread: sums, and so weights and scores, are then the same again.
COMPARE := OMP_NUM_THREADS=1 $(BIN)/airlens compare --budget 100steps --checks 4 --look 16 --every 5
COMPARE_DEMO := --data demo --train-end 2014-12-31 --validate-end 2015-01-15
COMPARE_WUSTL := --data wustl --train-end 2014-12-31 --validate-end 2015-12-31
LEARNED := urbanfm,edvr,basicvsr,iconvsr,basicvsrpp,mana

results-comparison: install ## docs/results/comparison.*: all systems under one small budget, on the demo and, where it is, on WUSTL; goes on where it stopped (an hour)
	$(COMPARE) $(COMPARE_DEMO) --fractions 100,80,40 --seeds 0,1 --out $(COMPARISONS)/demo
	if [ -f $(COMPARED) ]; then export AIRLENS_HOME=$$(mktemp -d) && \
	  $(BIN)/airlens import grid $(COMPARED) --name wustl --train-end 2014-12-31 && \
	  $(COMPARE) $(COMPARE_WUSTL) --fractions 100,80,40 --seeds 0,1 --out $(COMPARISONS)/wustl; fi
	$(BIN)/python -m engine.research.comparison.page

probes-comparison: install ## docs/results/comparison/probes.json: why AirSTFM is not first on WUSTL, one thing changed in each training; goes on where it stopped (half an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -m engine.research.comparison.experiments
	$(BIN)/python -m engine.research.comparison.page

weights-comparison: install ## assets/weights of the networks AirSTFM is compared with: those of results-comparison, trained anew in a scratch folder
	export AIRLENS_HOME=$$(mktemp -d) && \
	$(COMPARE) $(COMPARE_DEMO) --fractions 100 --models $(LEARNED) --out $$AIRLENS_HOME/demo && \
	$(BIN)/python -m engine.comparison.weights $$AIRLENS_HOME/demo && \
	if [ -f $(COMPARED) ]; then \
	  $(BIN)/airlens import grid $(COMPARED) --name wustl --train-end 2014-12-31 && \
	  $(COMPARE) $(COMPARE_WUSTL) --fractions 100 --models $(LEARNED) --out $$AIRLENS_HOME/wustl && \
	  $(BIN)/python -m engine.comparison.weights $$AIRLENS_HOME/wustl; fi

results-airstfm: install ## docs/results/airstfm.*: the shipped weights on WUSTL 2017–2018 and on the demo
	$(BIN)/python -m engine.research.airstfm.page

days-airstfm: install ## docs/results/airstfm.*: the demo's days alone, after its weights changed
	$(BIN)/python -m engine.research.airstfm.page days

ablation-airstfm: install ## docs/results/airstfm-ablation.json: short trainings, one switch changed in each; goes on where it stopped
	$(BIN)/python -m engine.research.airstfm.ablation
	$(BIN)/python -m engine.research.airstfm.page kept

ground-airstfm: install ## docs/results/airstfm-ground.json: what static fields explain of the error of a classical map (minutes)
	$(BIN)/python -m engine.research.airstfm.static_guidance
	$(BIN)/python -m engine.research.airstfm.page kept

weights-airstfm-day: install ## assets/weights/airstfm-day: train on other demo worlds than the shipped one (an hour)
	$(BIN)/python -m engine.research.airstfm.demo_weights assets/weights/airstfm-day

intervals-airstfm-day: install ## assets/weights/airstfm-day: size the intervals again on worlds held out, without training
	$(BIN)/python -m engine.research.airstfm.demo_weights assets/weights/airstfm-day intervals

weights-airstfm-month: install ## assets/weights/airstfm-month: train on WUSTL 1998–2014, stop by 2015–2016 (ten minutes); needs dataset wustl in the library
	$(BIN)/airlens train airstfm --data wustl --train-end 2014-12-31 --validate-end 2016-12-31 --steps 500 \
	  --out assets/weights/airstfm-month

FOLDS ?= 4
START ?= kriging
results-aqnet: install ## docs/results/aqnet*: the forecast of a week, and stations kept out of training, FOLDS=1…4, START=kriging or idw; needs datasets prsa and city-daily in the library; goes on where it stopped
	nice -n 15 $(BIN)/python -m engine.research.aqnet.week_page
	nice -n 15 $(BIN)/python -m engine.research.aqnet.page $(FOLDS) $(START)

probes-aqnet: install ## docs/results/aqnet-probes.json: what else was tried against the error at hidden stations; needs prsa, city-daily and, for the satellites, wustl in the library
	nice -n 15 $(BIN)/python -m engine.research.aqnet.experiments

weights-aqnet-hour: install ## assets/weights/aqnet-hour: the network of the first fold, START=kriging or idw
	nice -n 15 $(BIN)/python -m engine.research.aqnet.page weights $(START)

weights-aqnet-day: install ## assets/weights/aqnet-day: cities of China, daily; needs dataset city-daily in the library
	nice -n 15 $(BIN)/airlens train aqnet --data city-daily --out assets/weights/aqnet-day && rm -rf assets/weights/aqnet-day/state

weights-aqnet-demo: install ## assets/weights/aqnet-demo-stations: the stations of the demo world
	nice -n 15 $(BIN)/airlens train aqnet --data demo-stations --out assets/weights/aqnet-demo-stations && rm -rf assets/weights/aqnet-demo-stations/state

bench-aqnet: install ## docs/results/aqnet-speed.json: a year of hours at 40 stations
	$(BIN)/python -m engine.research.bench.stations

results-stepdiff: install ## docs/results/stepdiff.*: forecasts against 13 others; needs kolkata, kolkata-static and changshu in the library; goes on where it stopped
	nice -n 15 $(BIN)/python -m engine.research.stepdiff.page

weights-stepdiff: install ## assets/weights/stepdiff-*: Kolkata's buses (five minutes; needs dataset kolkata in the library) and the demo world's vehicles
	$(BIN)/airlens train stepdiff --data kolkata --steps 250 --train-end 2024-01-12 --validate-end 2024-01-18 \
	  --out assets/weights/stepdiff-kolkata
	$(BIN)/airlens train stepdiff --data demo-mobile --steps 200 --train-end 2015-01-13 --validate-end 2015-01-15 \
	  --out assets/weights/stepdiff-twin
	rm -rf assets/weights/stepdiff-*/state

bench-stepdiff: install ## docs/results/stepdiff-speed.json: 20 members of 12 hours on 10 × 10 cells
	$(BIN)/python -m engine.research.bench.forecast

bench-ui: install-dev ## docs/results/ui.json: time to the first map, day step, bytes, reruns of 1, 20 and 50 users
	$(BIN)/python tests/browser/bench.py

bench-import: install ## docs/results/import-memory.json: peak memory of imports beside what is allowed
	$(BIN)/python -m engine.research.bench.import_memory

bench-attention: install ## docs/results/attention.json: patch attention against unfolding, time and memory
	$(BIN)/python -m engine.research.bench.attention

bench-airstfm: install ## docs/results/airstfm-speed.json: one 800 × 720 day, paper and small preset
	$(BIN)/python -m engine.research.bench.airstfm

first-map: install-dev ## make the demo's first map ahead, again after its data, model or weights changed
	$(BIN)/python -m app.jobs.first_map

screens: install-dev chromium ## pictures of every page, in both languages and themes, into docs/screens
	$(BIN)/python tests/browser/screens.py
