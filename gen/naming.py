"""Names for signals that Amaranth cannot name.

Amaranth reads a signal's name from the byte code behind its constructor, which works for ``a = Signal()`` and not for
``a, b = Signal(), Signal()`` or ``a = [Signal() for _ in range(4)]``: those are called ``$signal``. The place of the call in the
source is known too, and the statement around it tells.
"""

import ast
import contextlib
import functools
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from amaranth import tracer

Place = tuple[int | None, int | None, int | None, int | None]  # first line, last line, first column, column behind the last


@contextlib.contextmanager
def source_names() -> Iterator[None]:
    """While this lasts, new signals, memories and domains take the name that they are assigned to, also out of a tuple or list."""
    original = tracer.get_var_name
    required = object()

    def get_var_name(depth: int = 2, default: Any = required) -> Any:
        try:
            return original(depth + 1)
        except tracer.NameNotFound:
            if name := _assigned(sys._getframe(depth)):
                return name
            if default is required:
                raise
            return default

    tracer.get_var_name = get_var_name
    try:
        yield
    finally:
        tracer.get_var_name = original


def _assigned(frame: FrameType) -> str | None:
    """What the call that `frame` is in is assigned to."""
    place = next(itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), None)
    return _targets(frame.f_code.co_filename).get(place) if place else None


@functools.cache
def _targets(file: str) -> dict[Place, str]:
    """Place of each call in the value of an assignment -> the name that it goes to."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError):  # made on the fly
        return {}
    found: dict[Place, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                _match(target, node.value, found)
    return found


def _match(target: ast.expr, value: ast.expr, found: dict[Place, str]) -> None:
    if isinstance(target, ast.Tuple | ast.List):
        if isinstance(value, ast.Tuple | ast.List) and len(target.elts) == len(value.elts):
            for left, right in zip(target.elts, value.elts, strict=True):
                _match(left, right, found)
        return
    name = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else None
    if name:
        for call in ast.walk(value):
            if isinstance(call, ast.Call):
                found.setdefault((call.lineno, call.end_lineno, call.col_offset, call.end_col_offset), name)
