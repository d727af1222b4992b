"""Rewrites of the Verilog that Yosys writes: the same logic in the form in which a person would have written it.

Yosys has two processes for a register, one that computes the next value in a numbered variable and one that takes it over. One
process that assigns the register under its conditions is half the text and reads like what it means. (It simulates no
faster: Verilator sees through both.)
"""

import itertools
import re

_MODULE = re.compile(r"^module .*?^endmodule\n", re.MULTILINE | re.DOTALL)
_ATTRIBUTE = re.compile(r"^ *\(\* (?:generator|full_case|top) = .*? \*\)\n", re.MULTILINE)
_TRIGGER = re.compile(r"^ +(?:reg \\\$auto\$verilog_backend\S+  = 0;|if \(\\\$auto\$verilog_backend\S+ \) begin end)\n", re.MULTILINE)
_TAKE = re.compile(r"^  always @\(posedge (\w+)\)\n    (\w+) <= (_\d+_);\n", re.MULTILINE)
_COMPUTE = re.compile(r"^  always @\* begin\n(.*?)^  end\n", re.MULTILINE | re.DOTALL)
_TARGET = re.compile(r"^ +(_\d+_)(?:\[[\d:]+\])? = ", re.MULTILINE)
_BYTES = re.compile(r"^  always @\(posedge (\w+)\) begin\n((?:    if \((\w+)\[\d+\]\)\n      \w+\[\w+\]\[.*\n){2,})  end\n", re.MULTILINE)
_BYTE = re.compile(r"    if \((\w+)\[(\d+)\]\)\n      (\w+)\[(\w+)\]\[(\d+)(?::(\d+))?\] <= (\w+)\[(\d+)(?::(\d+))?\];\n")
_CONSTANT = re.compile(r"^  always @\*\n    (\w+(?:\[[\d:]+\])?) = ((\d+)'[hdb][\da-f]+);\n", re.MULTILINE)
_NUMBERED = re.compile(r"\b_\d+_\b")


def rewrite(text: str) -> str:
    """All rewrites, module by module. Deterministic; leaves alone what does not have exactly the expected form."""
    text = _ATTRIBUTE.sub("", text)
    return _MODULE.sub(lambda module: _module(module[0]), _plain_keywords(text))


def _module(text: str) -> str:
    return _whole_words(_fold_registers(_wake_constants(_TRIGGER.sub("", text))))


def _plain_keywords(text: str) -> str:
    """Names that are keywords of (System)Verilog, which Yosys escapes, get an underscore instead."""
    taken = set(re.findall(r"\w+", text))
    for name in sorted(set(re.findall(r"\\(\w+) ", text))):
        plain = f"{name}_"
        while plain in taken:
            plain += "_"
        text = re.sub(rf"\\{name} ", plain, text)
    return text


def _wake_constants(text: str) -> str:
    """Let processes that only assign a constant to some bits read it from a wire: without an input `always @*` never runs."""
    count = itertools.count()

    def wake(process: re.Match[str]) -> str:
        target, constant, width = process.groups()
        name = f"constant_{next(count)}"
        return f"  wire [{int(width) - 1}:0] {name} = {constant};\n  always @*\n    {target} = {name};\n"

    return _CONSTANT.sub(wake, text)


def _fold_registers(text: str) -> str:
    """Assign registers in the process that computes their next value, if nothing else looks at that value."""
    registers = {next_value: (clock, register) for clock, register, next_value in _TAKE.findall(text)}
    uses: dict[str, int] = {}
    for name in _NUMBERED.findall(text):
        uses[name] = uses.get(name, 0) + 1
    folded: set[str] = set()

    def fold(process: re.Match[str]) -> str:
        body = process[1]
        targets = _TARGET.findall(body)
        name = targets[0] if targets else ""
        # Its declaration, the take-over, and the assignments here: no one reads it.
        if name not in registers or set(targets) != {name} or uses[name] != len(targets) + 2:
            return process[0]
        folded.add(name)
        clock, register = registers[name]
        body = body.replace(f"    {name} = {register};\n", "", 1) if body.startswith(f"    {name} = {register};\n") else body
        body = re.sub(rf"^( +){name}(\[[\d:]+\])? = ", rf"\1{register}\2 <= ", body, flags=re.MULTILINE)
        return f"  always @(posedge {clock}) begin\n{body}  end\n"

    text = _COMPUTE.sub(fold, text)
    text = _TAKE.sub(lambda take: "" if take[3] in folded else take[0], text)
    return re.sub(r"^  reg (?:\[\d+:0\] )?(_\d+_);\n", lambda reg: "" if reg[1] in folded else reg[0], text, flags=re.MULTILINE)


def _whole_words(text: str) -> str:
    """Write a word with byte enables at once in Verilator, which otherwise looks at every byte of every memory in every cycle."""
    def whole(process: re.Match[str]) -> str:
        clock, writes, _enable = process.groups()
        parts = _BYTE.findall(writes)
        names = {(part[0], part[2], part[3], part[6]) for part in parts}
        positions = [(int(part[1]), int(part[5] or part[4]), int(part[4]), int(part[8] or part[7]), int(part[7])) for part in parts]
        width = positions[0][2] - positions[0][1] + 1
        wanted = [(n, n * width, n * width + width - 1, n * width, n * width + width - 1) for n in range(len(positions))]
        if len(names) != 1 or positions != wanted or _BYTE.sub("", writes):
            return process[0]
        enable, memory, address, data = names.pop()
        top = len(positions) * width - 1
        bits = ", ".join(f"{{{width}{{{enable}[{n}]}}}}" for n in reversed(range(len(positions))))
        return (f"`ifdef VERILATOR  // the same in one piece: faster, but no pattern that synthesis knows\n"
                f"  always @(posedge {clock})\n    if (|{enable}) begin : {memory}_write\n"
                f"      reg [{top}:0] {memory}_mask;\n      {memory}_mask = {{ {bits} }};\n"
                f"      {memory}[{address}] <= {memory}[{address}] & ~{memory}_mask | {data} & {memory}_mask;\n    end\n"
                f"`else\n{process[0]}`endif\n")

    return _BYTES.sub(whole, text)
