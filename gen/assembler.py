"""Text form of programs.

One instruction a line: its name, then every field as `name=value` in any order, then, if not empty, the semaphores that
it waits for and signals as lists of units. Numbers are decimal or 0x..; fields that choose among named values take the
name in lower case. `;` starts a comment. A word that is no legal instruction is written `.word 0x...`.

    LOAD window=1 dram_line=0 scratchpad_line=64 length=16 wait=matrix,vector signal=matrix  ; first tile
"""

from collections.abc import Iterable

from weft.gen import isa
from weft.gen.errors import WeftError, nearest
from weft.gen.isa import Field, Unit

WORD = ".word"
MASKS = ("wait", "signal")


def disassemble(words: Iterable[int]) -> str:
    """Assembly text of a program; `assemble` gives the same words back. Each line carries its program counter."""
    return "".join(f"{disassemble_word(word)}  ; {pc}\n" for pc, word in enumerate(words))


def disassemble_word(word: int) -> str:
    """One instruction as text, without a line end."""
    try:
        decoded = isa.decode(word)
    except isa.EncodingError:
        return f"{WORD} {word:#034x}"
    parts = [decoded.instruction.name]
    for field in decoded.instruction.fields:
        value = decoded.values[field.name]
        parts.append(f"{field.name}={field.kind(value).name.lower() if field.kind else value}")
    for name, mask in zip(MASKS, (decoded.wait, decoded.signal), strict=True):
        if mask:
            parts.append(f"{name}={','.join(unit.name.lower() for unit in Unit if mask >> unit & 1)}")
    return " ".join(parts)


def assemble(text: str, *, source: str = "") -> list[int]:
    """Words of a program. `source` names the text in errors.

    Raises `WeftError`, whose `where` is the line, for an unknown or misspelt name, a missing or repeated field, and a value
    outside the field's legal range.
    """
    words = []
    for number, line in enumerate(text.splitlines(), start=1):
        code = line.partition(";")[0].split()
        if code:
            words.append(_Line(f"{source}:{number}" if source else f"line {number}", code).word())
    return words


class _Line:
    """One instruction as tokens, with the place that errors name."""

    def __init__(self, where: str, code: list[str]) -> None:
        self.where, self.mnemonic, self.arguments = where, code[0], code[1:]

    def error(self, what: str, why: str, fix: str = "") -> WeftError:
        return WeftError(what, where=self.where, why=why, fix=fix)

    def word(self) -> int:
        if self.mnemonic == WORD:
            return self._raw()
        name = self.mnemonic.upper()
        if name not in isa.BY_NAME:
            raise self.error(f"unknown instruction {self.mnemonic!r}", "no such instruction", nearest(name, isa.BY_NAME))
        fields = {field.name: field for field in isa.BY_NAME[name].fields}
        texts = self._pairs([*fields, *MASKS])
        missing = [field for field in fields if field not in texts]
        if missing:
            raise self.error(f"{name} without {', '.join(missing)}", "every field must be given", f"add {missing[0]}=...")
        values = {field: self._value(fields[field], texts[field]) for field in fields}
        return isa.encode(name, wait=self._mask(texts, "wait"), signal=self._mask(texts, "signal"), **values)

    def _raw(self) -> int:
        value = self._number(self.arguments[0]) if len(self.arguments) == 1 else -1
        if not 0 <= value < 1 << isa.WORD_BITS:
            raise self.error(" ".join([WORD, *self.arguments]), f"{WORD} takes one number of {isa.WORD_BITS} bits")
        return value

    def _pairs(self, known: list[str]) -> dict[str, str]:
        texts: dict[str, str] = {}
        for argument in self.arguments:
            name, equals, text = argument.partition("=")
            if not equals or not text:
                raise self.error(f"{argument!r}", "arguments have the form name=value")
            if name not in known:
                raise self.error(f"{self.mnemonic} has no field {name!r}", "no such field", nearest(name, known))
            if name in texts:
                raise self.error(f"{name} is given twice", "every field is given once", f"leave one {name}=... out")
            texts[name] = text
        return texts

    def _value(self, field: Field, text: str) -> int:
        names = {kind.name.lower(): int(kind) for kind in field.kind or ()}
        if text in names:
            value = names[text]
        elif names and not text[0].isdigit():
            raise self.error(f"{field.name}={text}", f"{field.name} takes one of {len(names)} names", nearest(text, names))
        else:
            value = self._number(text)
        if not field.minimum <= value <= field.maximum:
            raise self.error(f"{field.name}={text}", f"{field.name} lies in {field.minimum} .. {field.maximum}",
                             f"use {min(max(value, field.minimum), field.maximum)}")
        return value

    def _mask(self, texts: dict[str, str], which: str) -> int:
        mask = 0
        for text in texts.get(which, "").split(",") if which in texts else ():
            names = {unit.name.lower(): unit for unit in Unit}
            if text not in names:
                raise self.error(f"{which}={texts[which]}", f"{which} takes units, separated by commas", nearest(text, names))
            mask |= 1 << names[text]
        return mask

    def _number(self, text: str) -> int:
        try:
            return int(text, 0)
        except ValueError:
            raise self.error(f"{text!r}", "not a number", "write decimal or 0x...") from None
