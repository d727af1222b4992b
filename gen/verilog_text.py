"""Rewrites of the Verilog that Yosys writes: the same logic in the form in which a person would have written it.

Yosys has two processes for a register, one that computes the next value in a numbered variable and one that takes it over. One
process that assigns the register under its conditions is half the text, and a simulator has nothing to do while
the conditions are false.
"""

import re

_MODULE = re.compile(r"^module .*?^endmodule\n", re.MULTILINE | re.DOTALL)
_TRIGGER = re.compile(r"^ +(?:reg \\\$auto\$verilog_backend\S+  = 0;|if \(\\\$auto\$verilog_backend\S+ \) begin end)\n", re.MULTILINE)
_TAKE = re.compile(r"^  always @\(posedge (\w+)\)\n    (\w+) <= (_\d+_);\n", re.MULTILINE)
_COMPUTE = re.compile(r"^  always @\* begin\n(.*?)^  end\n", re.MULTILINE | re.DOTALL)
_TARGET = re.compile(r"^ +(_\d+_)(?:\[[\d:]+\])? = ", re.MULTILINE)
_BYTES = re.compile(r"^  always @\(posedge (\w+)\) begin\n((?:    if \((\w+)\[\d+\]\)\n      .*\n){2,})  end\n", re.MULTILINE)
_NUMBERED = re.compile(r"\b_\d+_\b")


def rewrite(text: str) -> str:
    """All rewrites, module by module. Deterministic; leaves alone what does not have exactly the expected form."""
    text = text.replace('(* generator = "Amaranth" *)\n', "").replace("(* full_case = 32'd1 *)\n", "")
    return _MODULE.sub(lambda module: _module(module[0]), text)


def _module(text: str) -> str:
    return _guard_bytes(_fold_registers(_TRIGGER.sub("", text)))


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


def _guard_bytes(text: str) -> str:
    """Look at byte enables only if one of them is set: most memories write in few cycles."""
    def guard(process: re.Match[str]) -> str:
        clock, writes, enable = process.groups()
        if set(re.findall(r"^    if \((\w+)\[", writes, re.MULTILINE)) != {enable}:
            return process[0]
        inner = re.sub(r"^", "  ", writes, flags=re.MULTILINE).rstrip(" ")
        return f"  always @(posedge {clock}) begin\n    if (|{enable}) begin\n{inner}    end\n  end\n"

    return _BYTES.sub(guard, text)
