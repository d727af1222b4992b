"""`weft explain`: what a word means."""

import dataclasses
import enum
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import emit
from weft.gen.errors import WeftError, nearest

Topics = dict[str, Callable[[], dict[str, Any]]]


Topic = Annotated[str | None, typer.Argument(metavar="TOPIC", show_default=False, help="Such as array.rows, MATMUL, STATUS, "
                                             "state.STALL_BUS or cause.WINDOW.")]


def explain(topic: Topic = None, as_json: arguments.Json = False) -> None:
    """Explain an option, instruction, register or error.

    Without TOPIC, list all topics."""
    topics = _topics()
    if topic is None:
        names = sorted(topics)
        emit({"topics": names}) if as_json else print("\n".join(names))
        return
    spelling = {name.lower(): name for name in topics}
    if topic.lower() not in spelling:
        raise WeftError(f"unknown topic {topic!r}", where="weft explain", fix=_suggestion(topic, topics),
                        why="topics are options, instructions, registers, states and causes")
    found = topics[spelling[topic.lower()]]()
    if as_json:
        emit(found)
        return
    print(f"{found.pop('topic')}: {found.pop('kind')}")
    for name, value in found.items():
        if isinstance(value, dict):
            print(f"  {name}:")
            width = max(map(len, value), default=0)
            print("\n".join(f"    {key:<{width}}  {text}" for key, text in value.items()))
        else:
            print(f"  {name}: {value}")


def _suggestion(topic: str, topics: Topics) -> str:
    close = nearest(topic, [*topics, *(name.lower() for name in topics)])
    return close if close.startswith("did") else "run `weft explain` for all topics"


def _topics() -> Topics:
    """Name -> what makes its description."""
    from weft.gen import csr, isa  # noqa: PLC0415
    from weft.gen.config import sections  # noqa: PLC0415

    topics: Topics = {}
    for section, options in sections().items():
        for option in dataclasses.fields(options):
            topics[f"{section}.{option.name}"] = partial(_option, section, option)
    topics |= {register.name: partial(_register, register) for register in csr.REGISTERS}
    topics |= {instruction.name: partial(_instruction, instruction) for instruction in isa.INSTRUCTIONS}
    for prefix, kind, members in (("cause", "error cause", isa.Cause), ("state", "state of a unit", isa.State),
                                  ("rounding", "rounding mode", isa.Rounding), ("alu", "operation of the vector unit", isa.Alu)):
        topics |= {f"{prefix}.{member.name}": partial(_member, f"{prefix}.{member.name}", kind, member) for member in members}
    return topics


def _register(register: Any) -> dict[str, Any]:
    fields = {f"{bits.name} [{bits.low + bits.width - 1}:{bits.low}]": bits.doc for bits in register.bits}
    return {"topic": register.name, "kind": "register", "offset": f"{register.offset:#05x}", "access": register.access,
            "meaning": register.doc, **({"fields": fields} if fields else {})}


def _instruction(instruction: Any) -> dict[str, Any]:
    fields = {f"{field.name} [{field.bits}{' signed' if field.signed else ''}]": field.doc for field in instruction.fields}
    return {"topic": instruction.name, "kind": f"instruction of the {_queue(instruction.unit)} queue",
            "opcode": f"{instruction.opcode:#04x}", "meaning": instruction.doc, **({"fields": fields} if fields else {})}


def _member(topic: str, kind: str, member: enum.IntEnum) -> dict[str, Any]:
    from weft.gen import isa  # noqa: PLC0415

    meaning = isa.comments(type(member))[member.name] or member.name.replace("_", " ").lower()
    return {"topic": topic, "kind": kind, "number": member.value, "meaning": meaning}


def _option(section: str, option: Any) -> dict[str, Any]:
    meta = option.metadata
    legal = "any"
    if meta["choices"]:
        legal = ", ".join(map(repr, meta["choices"]))
    elif meta["low"] is not None:
        legal = f"{meta['low']} .. {meta['high']}" + (", a power of two" if meta["power"] else "")
    return {"topic": f"{section}.{option.name}", "kind": "configuration option", "meaning": meta["doc"], "default": option.default,
            "legal": legal}


def _queue(unit: int) -> str:
    from weft.gen import isa  # noqa: PLC0415

    return "control" if unit == isa.CONTROL else isa.Unit(unit).name.lower()

