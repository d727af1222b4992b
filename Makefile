# Every target prints the weft command that it runs, so that it can be run without make too.
PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
WEFT    := $(BIN)/weft
MODEL   ?= examples/digits/digits.onnx
INPUT   ?= examples/digits/digits.npz
CONFIG  ?= configs/edge16.toml
BOARD   ?= ulx3s
OUT     ?=
ARGS    ?=
JOBS    ?= 2
READY   := $(VENV)/ready-$(shell cksum pyproject.toml | cut -d' ' -f1)

.DEFAULT_GOAL := demo
.PHONY: demo setup doctor sim verilog bitstream boards test networks exact imagenet random formats stories lint bench docs clean help

demo: $(READY)   ## (default) run the example network on the generated RTL and show its report
	$(WEFT) sim "$(MODEL)" "$(INPUT)" --config "$(CONFIG)" --samples 100

setup: $(READY)   ## create .venv and install weft with everything for simulation and tests

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'error: weft needs Python 3.11 or newer (set PYTHON=)'; exit 3; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

doctor: $(READY)   ## check Python, packages, compiler and simulator
	$(WEFT) doctor

sim: $(READY)   ## run MODEL on INPUT with CONFIG on the RTL; results in OUT
	$(WEFT) sim "$(MODEL)" "$(INPUT)" --config "$(CONFIG)" $(if $(OUT),--out "$(OUT)") $(ARGS)

verilog: $(READY)   ## write the Verilog of CONFIG and all that goes with it to OUT
	$(WEFT) verilog "$(CONFIG)" $(if $(OUT),--out "$(OUT)") $(ARGS)

bitstream: CONFIG := configs/edge8.toml
bitstream: $(READY)   ## build the FPGA image of CONFIG for BOARD with open tools; bitstream and report in OUT
	$(WEFT) bitstream "$(CONFIG)" --board "$(BOARD)" $(if $(OUT),--out "$(OUT)") $(ARGS)

boards: $(READY)   ## list the boards
	$(WEFT) boards

test: $(READY)   ## all tests, fast and integration, on JOBS processes
	$(BIN)/pytest -n $(JOBS) $(ARGS)

networks: $(READY)   ## the networks of the tests on all of their inputs; long
	$(BIN)/pytest verif/tests/test_networks.py --all-inputs -n $(JOBS) $(ARGS)

exact: $(READY)   ## real networks on all of their inputs on the RTL, each bit compared; rewrites docs/exact.md; long
	$(BIN)/python -m weft.sim.exact $(ARGS)

imagenet: $(READY)   ## ResNet-50, MobileNetV1 and V2 on the RTL, compared with tflite-micro; rewrites docs/imagenet.md; long
	$(BIN)/python -m weft.sim.imagenet $(ARGS)

random: $(READY)   ## 1,000 random operators and 200 random graphs on the RTL against tflite-micro and onnxruntime; long
	$(BIN)/python -m weft.verif.random_files.run $(ARGS)

formats: $(READY)   ## products of random shapes in all number formats on arrays of 4, 8, 16 and 32 rows; long; a section of docs/formats.md
	$(BIN)/pytest verif/bench/bench_format_gemm.py --all-formats -n $(JOBS) $(ARGS)
	$(BIN)/python -m weft.fpga.format_compared

stories: $(READY)   ## a language model's layers in number formats on the RTL, each bit compared; rewrites docs/stories.md; long
	$(BIN)/python -m weft.verif.stories.on_rtl $(ARGS)

lint: $(READY)   ## ruff and mypy
	$(BIN)/ruff check .
	@mkdir -p build/types/weft && for d in hdl gen verif sim fpga; do ln -sfn ../../../$$d build/types/weft/$$d; done
	MYPYPATH=build/types $(BIN)/mypy -p weft.gen -p weft.sim -p weft.verif.golden -p weft.fpga

bench: $(READY)   ## measure cycles, simulator speed and arrays and number formats on an FPGA; rewrites docs/{cycles,dataflow,estimates,array,formats}.md
	$(BIN)/python -m weft.sim.bench $(ARGS)
	$(BIN)/python -m weft.sim.speed
	$(BIN)/python -m weft.sim.dataflows
	$(BIN)/python -m weft.sim.estimates
	$(BIN)/python -m weft.fpga.measure
	$(BIN)/python -m weft.fpga.format_page

docs: $(READY)   ## regenerate docs/isa.md, docs/csr.md and docs/link.md
	$(BIN)/python -m weft.gen.docs

clean:   ## remove build/ (models, exports, reports)
	rm -rf build

help:   ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12
	@echo 'variables: MODEL INPUT CONFIG BOARD OUT ARGS PYTHON JOBS'
