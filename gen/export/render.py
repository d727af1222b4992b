"""C header, SystemRDL and FuseSoC core, rendered from the descriptions in `gen.isa` and `gen.csr`."""

import dataclasses
import inspect
import json
import re
from collections.abc import Sequence

import jinja2

from weft.gen import csr, isa
from weft.gen.config import Config

TOP = "weft_npu"  # name of the top module, of the file that holds it and of the address map

_ENUMS = (isa.Unit, isa.Source, isa.Destination, isa.Select, isa.Rounding, isa.Alu, isa.State, isa.Cause)
_ACCESS = {
    "constant": "sw = r; hw = na;",
    "ro": "sw = r; hw = w;",
    "rw": "sw = rw; hw = r;",
    "wo": "sw = w; hw = r; singlepulse;",
    "w1c": "sw = rw; onwrite = woclr; hw = r; hwset;",
}
# Words of SystemRDL that our registers and fields happen to use as names.
_RDL_KEYWORDS = {"signal", "reset", "field", "reg", "mem", "enum", "default", "all"}


def header(config: Config) -> str:
    """The text of weft.h: sizes, register offsets and masks, enumerations, an encoder for each instruction."""
    return render("weft.h.j2", config)


def systemrdl(config: Config) -> str:
    """The text of weft.rdl. Values that are set at generation (CONFIG_HASH, SHAPE) are the reset values."""
    return render("weft.rdl.j2", config)


def fusesoc(config: Config, modules: Sequence[str]) -> str:
    """The text of weft.core (CAPI 2) for Verilog files of these modules; the last one is its top."""
    return render("weft.core.j2", config, modules=modules)


def registers(config: Config) -> list[csr.Register]:
    """All registers with the reset values of this configuration; one without fields gets a field for the whole word."""
    generated = {
        "CONFIG_HASH": config.hash,
        "SHAPE": config.array.rows | config.array.columns << 8 | config.scratchpad.kib << 16,
    }
    return [dataclasses.replace(register, reset=generated.get(register.name, register.reset)) for register in csr.REGISTERS]


def render(template: str, config: Config, **extra: object) -> str:
    """The text that a template makes of the descriptions, the configuration and `extra`."""
    environment = jinja2.Environment(loader=jinja2.PackageLoader("weft.gen.export"), undefined=jinja2.StrictUndefined,
                                     keep_trailing_newline=True, autoescape=False)
    environment.filters["mask"] = lambda bits: ((1 << bits.width) - 1) << bits.low
    environment.filters["reset_of"] = lambda bits, reset: reset >> bits.low & (1 << bits.width) - 1
    environment.filters["quoted"] = json.dumps
    environment.filters["meanings"] = lambda kind: {
        name: comment or name.replace("_", " ").lower() for name, comment in isa.comments(kind).items()}
    environment.filters["comment"] = lambda name: name.replace("*/", "* /")
    environment.filters["real"] = lambda number: number if set(number) & set(".e") else f"{number}.0"
    environment.filters["safe_name"] = lambda name: f"{name}_" if name.lower() in _RDL_KEYWORDS else name
    known = registers(config)
    if template.endswith(".rdl.j2"):
        known = [register if register.bits else dataclasses.replace(register, bits=(csr.Bits("value", 0, 32, register.doc),))
                 for register in known]
    return environment.get_template(template).render(
        config=config, top=TOP, registers=known, access=_ACCESS, sizes=_sizes(config), instructions=isa.INSTRUCTIONS,
        counters=csr.COUNTERS, enums=[(enum, re.sub(r"\s+", " ", inspect.getdoc(enum) or "")) for enum in _ENUMS], word_bits=isa.WORD_BITS,
        version=".".join(map(str, csr.VERSION)), **extra)


def _sizes(config: Config) -> list[tuple[str, str, str]]:
    """(macro, value, meaning)."""
    return [
        ("CONFIG_HASH_VALUE", f"0x{config.hash:08x}u", "what register CONFIG_HASH reads"),
        ("ID_VALUE", f"0x{csr.IDENTITY:08x}u", "what register ID reads"),
        ("VERSION_VALUE", f"0x{csr.BY_NAME['VERSION'].reset:06x}u", "what register VERSION reads"),
        ("ARRAY_ROWS", f"{config.array.rows}u", "processing elements along the reduction"),
        ("ARRAY_COLUMNS", f"{config.array.columns}u", "processing elements along the outputs"),
        ("LINE_BYTES", f"{config.line_bytes}u", "bytes of a scratchpad line and of a bus beat"),
        ("SCRATCHPAD_BYTES", f"{config.scratchpad_bytes}u", "all banks together"),
        ("SCRATCHPAD_BANKS", f"{config.scratchpad.banks}u", "banks by the high address bits"),
        ("ACCUMULATOR_LINES", f"{config.accumulator_lines}u", "lines of ARRAY_COLUMNS 32-bit accumulators"),
        ("PARAMETER_SETS", f"{config.vector.parameter_sets}u", "per-channel parameter sets"),
        ("INSTRUCTION_BYTES", f"{isa.WORD_BYTES}u", "size of an instruction"),
        ("WINDOWS", f"{isa.WINDOWS}u", "DRAM windows"),
        ("QUEUE_CONTROL", f"{isa.CONTROL}u", "queue of fetch and dispatch in an error"),
        ("COUNTERS", f"{len(csr.COUNTERS)}u", f"counters, from offset 0x{csr.COUNTER_BASE:03x}"),
    ]
