"""What surrounds a MatrixUnit in its bench: instruction queue, scratchpad ports, accumulators, and a record of all that happened."""

import dataclasses
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.interfaces import ScratchpadRead
from weft.hdl.matrix.accumulators import Accumulators


@dataclasses.dataclass
class Record:
    """Cycles and contents of the unit's outputs, in order."""

    accepted: list[int] = dataclasses.field(default_factory=list)
    vectors: list[tuple[int, int]] = dataclasses.field(default_factory=list)  # (cycle, address) of taken reads
    lines: list[tuple[int, int]] = dataclasses.field(default_factory=list)  # the same of the weights port
    results: list[tuple[int, int]] = dataclasses.field(default_factory=list)  # (cycle, accumulator line)
    retired: list[tuple[int, int, int]] = dataclasses.field(default_factory=list)  # (cycle, pc, signal)
    errors: list[tuple[int, int, int]] = dataclasses.field(default_factory=list)  # (cause, pc, address)
    states: list[int] = dataclasses.field(default_factory=list)  # one for each cycle
    streamed: int = 0
    tiles: int = 0


class MatrixDriver:
    """Drives every input at the falling edge and looks at every output before the next rising one.

    `ready` and `offer` are the chances that a scratchpad port is ready and that an instruction is offered in a cycle. Read data are
    random but in the cycle in which they are due. Fails at once if the unit asks for an address outside the scratchpad, if a
    stream's payload changes while it waits, or if a line is added to too soon for the accumulators.
    """

    def __init__(self, dut, config: Config, seed: int) -> None:
        self.dut, self.config, self.chance = dut, config, random.Random(seed)
        self.ready, self.offer, self.cycle, self.halt = 1.0, 1.0, 0, 0
        generator = np.random.default_rng(seed)
        self.scratchpad = generator.integers(0, 256, config.scratchpad_bytes, dtype=np.uint8)
        self.accumulators = generator.integers(-1 << 31, 1 << 31, (config.accumulator_lines, config.lanes)).astype(np.int32)
        self.record, self.program, self._next, self._held = Record(), [], 0, {}
        self._due = {"activations": {}, "weights": {}}
        self._touched: dict[int, int] = {}

    def start_clock(self) -> None:
        cocotb.start_soon(Clock(self.dut.clk, 10, unit="ns").start())

    async def reset(self) -> None:
        """Reset the unit and forget what it had asked for."""
        self._held.clear()
        for due in self._due.values():
            due.clear()
        await FallingEdge(self.dut.clk)
        self.dut.rst.value = 1
        self.dut.instructions__valid.value = 0
        self.dut.halt.value = 0
        for _ in range(3):
            await FallingEdge(self.dut.clk)
        self.dut.rst.value = 0

    async def run(self, program: list[int], *, first_pc: int = 0, timeout: int = 100_000) -> Record:
        """Give the words of `program` to the unit until all have retired or an error has come; then some cycles more."""
        self.record = Record()
        self.program = [(word, first_pc + index) for index, word in enumerate(program)]
        self._next = 0
        for _ in range(timeout):
            await self.step()
            if len(self.record.retired) == len(program) or self.record.errors:
                break
        else:
            raise AssertionError(f"{len(self.record.retired)} of {len(program)} instructions retired in {timeout} cycles")
        for _ in range(4 * self.config.lanes + 20):
            await self.step()
        return self.record

    async def step(self) -> None:
        """One cycle."""
        dut, chance = self.dut, self.chance
        await FallingEdge(dut.clk)
        dut.halt.value = self.halt
        offered = self._next < len(self.program) and ("instructions" in self._held or chance.random() < self.offer)
        dut.instructions__valid.value = offered
        if offered:
            word, pc = self.program[self._next]
            dut.instructions__payload.value = word | pc << isa.WORD_BITS
            self._held["instructions"] = word
        for name in ("activations", "weights"):
            getattr(dut, f"{name}__ready").value = chance.random() < self.ready
            data = self._due[name].pop(self.cycle, None)
            getattr(dut, f"{name}__data").value = chance.getrandbits(8 * self.config.line_bytes) if data is None else data
        await ReadOnly()
        if offered and dut.instructions__ready.value:
            self.record.accepted.append(self.cycle)
            del self._held["instructions"]
            self._next += 1
        self._read("activations", self.record.vectors)
        self._read("weights", self.record.lines)
        self._accumulate()
        self._observe()
        self.cycle += 1

    def _read(self, name: str, record: list[tuple[int, int]]) -> None:
        dut, size = self.dut, self.config.line_bytes
        if not getattr(dut, f"{name}__valid").value:
            assert name not in self._held, f"{name} took a request back"
            return
        address = int(getattr(dut, f"{name}__address").value)
        assert self._held.pop(name, address) == address, f"{name} changed a waiting request"
        assert address + size <= self.config.scratchpad_bytes, f"{name} asks for {address:#x}"
        if getattr(dut, f"{name}__ready").value:
            record.append((self.cycle, address))
            line = self.scratchpad[address:address + size].tobytes()
            self._due[name][self.cycle + ScratchpadRead.LATENCY] = int.from_bytes(line, "little")
        else:
            self._held[name] = address

    def _accumulate(self) -> None:
        dut, bits = self.dut, self.config.partial_sum_bits
        if not dut.results__valid.value:
            return
        line, data = int(dut.results__address.value), int(dut.results__data.value)
        lanes = [(data >> (bits * n) & ((1 << bits) - 1)) for n in range(self.config.lanes)]
        sums = np.array([lane - (lane >> (bits - 1) << bits) for lane in lanes], dtype=np.int64)
        if dut.results__add.value:
            assert self.cycle - self._touched.get(line, -100) > Accumulators.HAZARD, f"line {line} added to too soon"
            sums += self.accumulators[line]
        self.accumulators[line] = sums.astype(np.int32)
        self._touched[line] = self.cycle
        self.record.results.append((self.cycle, line))

    def _observe(self) -> None:
        dut, record = self.dut, self.record
        if dut.retire__valid.value:
            record.retired.append((self.cycle, int(dut.retire__pc.value), int(dut.retire__signal.value)))
        if dut.error__valid.value:
            record.errors.append((int(dut.error__cause.value), int(dut.error__pc.value), int(dut.error__address.value)))
        record.states.append(int(dut.status__state.value))
        record.streamed += int(dut.vector_streamed.value)
        record.tiles += int(dut.tile_loaded.value)
