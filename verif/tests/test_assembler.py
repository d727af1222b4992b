"""The assembler: round trip over every legal instruction, and errors that name the line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.gen import isa
from weft.gen.assembler import assemble, disassemble
from weft.gen.errors import WeftError


@st.composite
def words(draw):
    instruction = draw(st.sampled_from(isa.INSTRUCTIONS))
    values = {field.name: draw(st.integers(field.minimum, field.maximum)) for field in instruction.fields}
    masks = st.integers(0, 15)
    return isa.encode(instruction.name, wait=draw(masks), signal=draw(masks), **values)


@given(st.lists(words(), max_size=8))
def test_round_trip(program):
    assert assemble(disassemble(program)) == program


@given(st.integers(0, (1 << isa.WORD_BITS) - 1))
def test_any_word_survives(word):
    assert assemble(disassemble([word])) == [word]


def test_every_field_is_named():
    for instruction in isa.INSTRUCTIONS:
        word = isa.encode(instruction.name, **{field.name: field.minimum for field in instruction.fields})
        text = disassemble([word])
        assert text.split()[0] == instruction.name
        assert all(f" {field.name}=" in text for field in instruction.fields)


def test_hand_written_text():
    text = """
    ; a comment line
    load window=1 dram_line=0x10 scratchpad_line=3 length=2 signal=vector,load  ; first
    VECTOR_POST post=-1 low=-128 high=127 alu=maximum table=0 wait=store
    HALT
    """
    assert assemble(text) == [
        isa.encode("LOAD", signal=0b0101, window=1, dram_line=16, scratchpad_line=3, length=2),
        isa.encode("VECTOR_POST", wait=0b1000, post=-1, low=-128, high=127, alu=isa.Alu.MAXIMUM, table=0),
        isa.encode("HALT"),
    ]


@pytest.mark.parametrize(("line", "offender", "hint"), [
    ("LOED window=1", "LOED", "LOAD"),
    ("LOAD window=1 dram_lin=0 scratchpad_line=0 length=1", "dram_lin", "dram_line"),
    ("LOAD window=1 dram_line=0 scratchpad_line=0", "length", "length="),
    ("LOAD window=4 dram_line=0 scratchpad_line=0 length=1", "window=4", "use 3"),
    ("LOAD window=1 window=1 dram_line=0 scratchpad_line=0 length=1", "window", "window"),
    ("LOAD window=x dram_line=0 scratchpad_line=0 length=1", "'x'", "decimal"),
    ("LOAD window", "'window'", ""),
    ("HALT wait=matrx", "matrx", "matrix"),
    ("VECTOR_POST post=0 low=0 high=0 alu=maximun table=0", "maximun", "maximum"),
    (".word 0x1ffffffffffffffffffffffffffffffff", ".word", ""),
    (".word 1 2", ".word", ""),
])
def test_errors_name_line_offender_and_remedy(line, offender, hint):
    with pytest.raises(WeftError) as caught:
        assemble(f"HALT\n\n{line}\n", source="demo.s")
    assert caught.value.where == "demo.s:3"
    assert offender in caught.value.what
    assert hint in caught.value.fix
