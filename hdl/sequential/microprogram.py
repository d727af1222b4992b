"""The whole microprogram of a configuration."""

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.sequential import program_control, program_fetch, program_operand
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.program_dma import dma
from weft.hdl.sequential.program_matrix import gather, matmul
from weft.hdl.sequential.program_vector import vector


def microprogram(config: Config) -> list[int]:
    """Words for the sequencer, the first of them at address 0."""
    p, known = Assembler(), [entry for entry in isa.INSTRUCTIONS if config.provides(entry.option)]
    program_control.names(p)
    program_operand.names(p)
    program_control.entry(p)
    program_control.start(p, config)
    program_fetch.fetch(p)
    program_fetch.decode(p, known)
    for instruction in known:
        program_fetch.fields(p, instruction)
        if instruction.unit == isa.CONTROL:
            program_control.halt(p)
        else:
            p.jump(f"run {instruction.name}" if instruction.runs else "retire")
    program_control.semaphores(p)
    program_control.errors(p)
    dma(p, config)
    matmul(p, config)
    gather(p)
    vector(p, config)
    program_control.cold(p)
    return p.words()
