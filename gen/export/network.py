"""A compiled network as a C header: program, constants, and how its ends lie in memory, for the driver's weft_load."""

import dataclasses
import json
import math
import re

from weft.gen.compiler.network import CompiledNetwork, Placed
from weft.gen.export.render import render
from weft.gen.frontend.ends import UNSIGNED_OFFSET

_BYTES = 20  # of the image, a line
# Of C99, in one string to keep them together.
_KEYWORDS = re.findall(r"\w+", """auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while""")


@dataclasses.dataclass(frozen=True)
class _End:
    """One end of the network as the template shows it; `held_offset` turns the file's integers into held ones."""

    role: str
    title: str
    macro: str
    file_type: str
    file_shape: list[int]
    order: str
    elements: int
    scale: float
    zero_point: int
    held_offset: int
    initialiser: str


def c_header(network: CompiledNetwork, name: str) -> str:
    """The text of the header; `name` becomes a C identifier, that of the `struct weft_network`.

    Everything is static and constant; the image is aligned to a line, so that it can be window 0 where it stands.
    """
    name, graph = identifier(name), network.graph
    outputs = zip(graph.outputs, network.outputs, graph.output_shapes, graph.output_float, strict=True)
    ends = [_end(network, "input", f"{name}_INPUT", graph.input, network.input, graph.input_shape, graph.input_float)]
    ends += [_end(network, "output", f"{name}_OUTPUT{index}", *output) for index, output in enumerate(outputs)]
    image = network.image
    lines = [", ".join(f"0x{byte:02x}" for byte in image[start:start + _BYTES]) for start in range(0, len(image), _BYTES)]
    permissions = [read | write << 1 for read, write in zip(network.WINDOW_READ, network.WINDOW_WRITE, strict=True)]
    guard = f"WEFT_NETWORK_{name.upper()}_H"
    return render("network.h.j2", network.config, network=network, name=name, guard=guard, ends=ends, image=lines, permissions=permissions,
                  cycles=network.estimated_cycles)


def identifier(text: str) -> str:
    """`text` as a C identifier that is no keyword."""
    plain = re.sub(r"\W", "_", text, flags=re.ASCII) or "network"
    return f"net_{plain}" if plain[0].isdigit() or plain[0] == "_" or plain in _KEYWORDS else plain


def _end(network: CompiledNetwork, role: str, macro: str, title: str, placed: Placed, shape: tuple[int, ...], real: bool) -> _End:
    tensor, nchw = placed.layout.tensor, network.graph.layout == "nchw" and len(shape) >= 4
    return _End(role, title, macro.upper(), "float32" if real else "uint8" if tensor.unsigned else "int8", list(shape),
                "channels first there, channels last here" if nchw else "in the same order here", math.prod(tensor.shape),
                tensor.scale, tensor.zero_point, UNSIGNED_OFFSET * tensor.unsigned, _initialiser(title, placed))


def _initialiser(title: str, placed: Placed) -> str:
    """Of a `struct weft_tensor`. A dense tensor is one row."""
    layout, size = placed.layout, placed.layout.line_bytes
    stride = (placed.lines if layout.dense else layout.data_lines) * size
    rows, row_bytes = (1, layout.rows * layout.data_bytes) if layout.dense else (layout.rows, layout.data_bytes)
    numbers = [placed.window, placed.line * size, rows, row_bytes, stride, *layout.tensor.shape]
    fill = 0 if layout.dense else layout.tensor.zero_point
    return f"{{{json.dumps(title)}, {', '.join(f'{number}u' for number in numbers)}, {fill}}}"
