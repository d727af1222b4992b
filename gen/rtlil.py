"""RTLIL, the text form of Yosys netlists: split into modules, merge equal ones, tidy, put together again.

Amaranth writes one module per instance, names every net several times, and keeps the checks of the simulation. These passes
change names and structure, never logic. They work on the subset that Amaranth 0.5 writes: one item a paragraph,
two spaces of indentation, identifiers separated by blanks.
"""

import collections
import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial

_MODULE = re.compile(r"((?:^attribute [^\n]*\n)*)^module \\(\S+)\n(.*?)^end$", re.MULTILINE | re.DOTALL)
_BLANKS = re.compile(r"\n\s*\n")
_IDENTIFIER = re.compile(r"(?<=\s)[\\$][^\s\"]+")
_INSTANCE = re.compile(r"^  cell \\(\S+) (\S+)$", re.MULTILINE)
_WIRE = re.compile(r"^  wire width (\d+) (?:(input|output) (\d+) )? ?(?:signed )?(\S+)$", re.MULTILINE)
_CONNECTION = re.compile(r"^(    connect )(\S+)(.*)$")  # of an instance
_CONNECT = re.compile(r"^connect (\S+) (.*)$", re.MULTILINE)
_WHOLE = re.compile(r"^([\\$]\S+)(?: \[(\d+):0\]| \[0\])?$")
_ZEROS = re.compile(r"^    connect \\DATA (?:\d+'0*|\{ *\})$", re.MULTILINE)
_OUTPUTS = re.compile(r"^    connect \\[YQ] (\S+)$", re.MULTILINE)


@dataclasses.dataclass
class Module:
    """`items`: wires, cells, processes, memories, connections, each with its attributes, as text without blank lines."""

    name: str
    attributes: str
    items: list[str]

    def __str__(self) -> str:
        return f"{self.attributes}module \\{self.name}\n\n" + "\n\n".join(self.items) + "\n\nend\n"


def parse(text: str) -> list[Module]:
    """Modules in the order of the text."""
    modules = []
    for attributes, name, body in _MODULE.findall(text):
        items = [item.strip("\n") for block in _BLANKS.split(body) for item in _paragraphs(block)]
        modules.append(Module(name, attributes, items))
    return modules


def _paragraphs(block: str) -> Iterator[str]:
    """Amaranth puts no blank lines between connections."""
    if block.lstrip("\n").startswith("connect "):
        yield from block.strip("\n").split("\n")
    elif block.strip():
        yield block


def unparse(modules: list[Module]) -> str:
    return "\n".join(map(str, modules))


def merge(modules: list[Module], name: Callable[[str], str]) -> list[Module]:
    """Keep one of all modules with equal contents and rename them: `name` gives the wanted name for a module's old one.

    Two modules are equal if their text is, after the modules that they contain were merged. Different modules with
    the same wanted name are numbered in order of appearance. The first module is the top and keeps its name. So do
    modules that are not in the list, which are a technology's.
    """
    by_name = {module.name: module for module in modules}
    digests: dict[str, str] = {}

    def digest(module: Module) -> str:
        if module.name not in digests:
            text = _INSTANCE.sub(lambda cell: f"  cell {digest(by_name[cell[1]]) if cell[1] in by_name else cell[1]} {cell[2]}",
                                 "\n".join(module.items))
            digests[module.name] = hashlib.sha256(text.encode()).hexdigest()
        return digests[module.name]

    kept: dict[str, Module] = {}
    for module in modules:
        kept.setdefault(digest(module), module)
    names: dict[str, str] = {}
    taken: set[str] = set()
    for position, (key, module) in enumerate(kept.items()):
        wanted = module.name if position == 0 else name(module.name)
        names[key] = _unique(wanted, taken)
    final = {old: names[key] for old, key in digests.items()}
    merged = []
    for key, module in kept.items():
        items = [_INSTANCE.sub(lambda cell: f"  cell \\{final.get(cell[1], cell[1])} {cell[2]}", item) for item in module.items]
        merged.append(Module(names[key], module.attributes, items))
    return merged


def _renamed(names: dict[str, str], port: re.Match[str]) -> str:
    return names.get(port[0], port[0])


def number_ports(modules: list[Module]) -> None:
    """Number the ports that Amaranth could not name (``\\port$0$28``) module by module instead of through the whole design."""
    ports: dict[str, dict[str, str]] = {}
    for module in modules:
        unnamed = [wire for wire in _wires(module) if wire.startswith("\\port$")]
        ports[module.name] = {wire: f"\\port_{number}" for number, wire in enumerate(unnamed, 1)}
    for module in modules:
        for position, item in enumerate(module.items):
            if (instance := _INSTANCE.search(item)) and (names := ports.get(instance[1])):
                module.items[position] = re.sub(r"(?<=^    connect )\S+", partial(_renamed, names), item, flags=re.MULTILINE)
        _rename(module, ports[module.name])  # last: a port of the module may have the name of its instance's port


def remove_checks(module: Module) -> None:
    """Drop assertions and prints; `tidy` drops the logic in front of them."""
    module.items = [item for item in module.items if not re.search(r"^  cell \$(check|print) ", item, re.MULTILINE)]


def number_checks(module: Module) -> None:
    """Give every check the same priority: Amaranth counts them through the whole design, so equal modules would differ."""
    module.items = [re.sub(r"(parameter signed \\PRIORITY) \d+'[01]+", r"\1 32'" + 32 * "0", item) for item in module.items]


def relax_memories(module: Module) -> None:
    """Leave read-during-write to the technology and power-up contents undefined.

    Amaranth promises the old data when a word is read while it is written, which costs comparators and a bypass around
    every block RAM; `hdl.mem.sram` asserts that it never happens. Contents other than zero are kept.
    """
    items = []
    for item in module.items:
        if item.startswith("  cell $meminit_v2 ") and _ZEROS.search(item):
            continue
        items.append(f"  attribute \\no_rw_check 1\n{item}" if item.startswith("  memory ") else item)
    module.items = items


def tidy(modules: list[Module]) -> None:
    """One good name for each net, no dead logic, ports numbered as Yosys counts them (from 1), clock and reset first."""
    for module in modules:
        _give_names(module)
        while _remove_dead(module):
            pass
    _plain_names(modules)
    for module in modules:
        _order_ports(module)


def _wires(module: Module) -> dict[str, tuple[int, str]]:
    """Name -> (width, direction or "")."""
    found = (_WIRE.search(item) for item in module.items)
    return {wire[4]: (int(wire[1]), wire[2] or "") for wire in found if wire}


def _rename(module: Module, names: dict[str, str]) -> None:
    module.items = [_renamed_all(item, names) for item in module.items]


def _renamed_all(text: str, names: dict[str, str]) -> str:
    return _IDENTIFIER.sub(lambda found: names.get(found[0], found[0]), f" {text}")[1:] if names else text


def _give_names(module: Module) -> None:
    """Amaranth computes into numbered wires and connects the named ones to them: let the named ones be computed."""
    wires, names, used = _wires(module), {}, set()
    uses = collections.Counter(found for item in module.items for found in _IDENTIFIER.findall(f" {item}"))
    for item in module.items:
        alias = _CONNECT.match(item)
        value = alias and _WHOLE.match(alias[2])
        if not alias or not value or not value[1].startswith("$") or value[1] in names:
            continue
        (width, direction), source = wires[alias[1]], wires.get(value[1])
        whole = source is not None and width == source[0] == int(value[2] or 0) + 1
        if whole and direction != "input" and uses[alias[1]] == 2:  # its declaration and this connection
            names[value[1]] = alias[1]
            used.add(item)
    dropped = set(names)
    module.items = [item for item in module.items
                    if item not in used and not ((wire := _WIRE.search(item)) and wire[4] in dropped)]
    _rename(module, names)


def _remove_dead(module: Module) -> bool:
    """Drop connections, cells and processes that drive only wires that nothing reads, and those wires."""
    wires = _wires(module)
    uses = collections.Counter(found for item in module.items for found in _IDENTIFIER.findall(f" {item}"))
    items = []
    for item in module.items:
        if wire := _WIRE.search(item):
            dead = uses[wire[4]] == 1 and not wire[2]
        elif alias := _CONNECT.match(item):
            dead = uses[alias[1]] == 2 and not wires[alias[1]][1]
        elif item.startswith("  process "):
            targets = re.findall(r"^ +assign (\S+)", item, re.MULTILINE)
            own = collections.Counter(_IDENTIFIER.findall(f" {item}"))
            dead = all(uses[target] == own[target] + 1 and not wires[target][1] for target in set(targets))
        else:
            outputs = _OUTPUTS.findall(item) if re.search(r"^  cell \$", item, re.MULTILINE) else []
            own = collections.Counter(_IDENTIFIER.findall(f" {item}"))
            dead = bool(outputs) and all(uses[wire] == own[wire] + 1 and not wires[wire][1] for wire in outputs)
        if not dead:
            items.append(item)
    changed = len(items) < len(module.items)
    module.items = items
    return changed


def _plain_names(modules: list[Module]) -> None:
    r"""Turn public names that need an escape in Verilog (``\read__data$13``, ``\U$0``) into plain ones. An instance's port gets the name
    that it has in its module, whatever that name stands for where the instance is."""
    plain = {module.name: _plain(module) for module in modules}
    for module in modules:
        own = plain[module.name]
        for position, item in enumerate(module.items):
            instance = _INSTANCE.search(item)
            ports = plain.get(instance[1], {}) if instance else {}
            lines = [_CONNECTION.match(line) or line for line in item.split("\n")] if instance else [item]
            module.items[position] = "\n".join(
                _renamed_all(line, own) if isinstance(line, str) else f"{line[1]}{ports.get(line[2], line[2])}{_renamed_all(line[3], own)}"
                for line in lines)


def _plain(module: Module) -> dict[str, str]:
    """Escaped name -> plain name that nothing else in the module has."""
    found = dict.fromkeys(name for item in module.items for name in _IDENTIFIER.findall(f" {item}") if name.startswith("\\"))
    taken = {name[1:] for name in found if re.fullmatch(r"\\\w+", name)}
    return {name: "\\" + _unique(re.sub(r"\W", "_", name[1:]), taken) for name in found
            if not re.fullmatch(r"\\\w+", name) and "." not in name}


def _order_ports(module: Module) -> None:
    """Amaranth counts from 0, which Yosys takes for no number at all; and its order differs between equal modules."""
    ports = [(position, wire) for position, item in enumerate(module.items) if (wire := _WIRE.search(item)) and wire[2]]
    is_top = "attribute \\top 1" in module.attributes

    def rank(wire: re.Match[str]) -> tuple[object, ...]:
        clock_first = wire[4] not in ("\\clk", "\\rst")
        return (clock_first, int(wire[3])) if is_top else (clock_first, wire[2], wire[4])

    ordered = sorted((wire for _, wire in ports), key=rank)
    for number, (wire, (position, _)) in enumerate(zip(ordered, ports, strict=True), 1):
        attributes = wire.string.replace(wire[0], "").rstrip("\n")
        text = f"  wire width {wire[1]} {wire[2]} {number} {wire[4]}"
        module.items[position] = f"{attributes}\n{text}" if attributes else text
    for position, item in enumerate(module.items):
        if item.startswith("  cell \\"):
            head, *connections, end = item.split("\n")
            module.items[position] = "\n".join([head, *sorted(connections), end])


def _unique(wanted: str, taken: set[str]) -> str:
    """`wanted`, or with the lowest number from 2 that makes it new; adds it to `taken`."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    taken.add(name)
    return name
