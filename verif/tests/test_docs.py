"""The generated pages are those of the present descriptions."""

import re

import pytest

from weft.gen import csr, docs, isa, link


@pytest.mark.parametrize("name", docs.pages())
def test_page_is_up_to_date(name):
    assert (docs.FOLDER / name).read_text(encoding="utf-8") == docs.pages()[name], "run: make docs"


def test_every_name_of_the_instruction_set_is_described():
    page = docs.isa_page()
    for instruction in isa.INSTRUCTIONS:
        section = page.split(f"### {instruction.name}\n")[1].split("\n### ")[0]
        listed = re.findall(r"^\| (?:\d+:)?\d+ \| `(\w+)` \|", section, re.MULTILINE)
        assert listed == [field.name for field in instruction.fields]
        bits = [(int(high), int(low or high)) for high, low in re.findall(r"^\| (\d+)(?::(\d+))? \|", section, re.MULTILINE)]
        covered = [bit for high, low in bits for bit in range(low, high + 1)]
        assert covered == list(range(isa.HEADER_BITS, isa.WORD_BITS))  # every bit once, in order
    for kind in (isa.Source, isa.Destination, isa.Rounding, isa.Alu, isa.State, isa.Cause):
        for member in kind:
            assert f"| {member.value} | {member.name} | " in page or f"| {member.value} | {member.name} |\n" in page


def test_every_register_is_described():
    page = docs.csr_page()
    for register in csr.REGISTERS:
        assert re.search(rf"^\| 0x{register.offset:03X} \| \[?{register.name}\W", page, re.MULTILINE), register.name


def test_the_link_is_described():
    page = docs.link_page()
    for field in (*link.REQUEST, *link.IDENTITY):
        assert f"| `{field.name}` | {field.bytes} | {field.doc} |" in page
    for kind in (link.Command, link.Status):
        for member in kind:
            assert f"| {member.value} | {member.name} | " in page
