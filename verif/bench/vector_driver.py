"""Drives a vector unit in cocotb: instructions in, memories with a random mood around it, retirements and errors out."""

import random
from collections import Counter, deque

from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import State
from weft.hdl.interfaces import AccumulatorRead, ScratchpadRead
from weft.verif.bench.rounding_model import LOW
from weft.verif.bench.vector_programs import Instructions

LATENCY = {"a": ScratchpadRead.LATENCY, "b": ScratchpadRead.LATENCY, "accumulator_read": AccumulatorRead.LATENCY}


class VectorDriver:
    """The memories' contents are Python objects; data on a read port is noise except in the cycle in which the protocol promises it.

    `mood` is the probability with which a port is ready; an instruction is offered with probability `offer`. Both may be changed at
    any time.
    """

    def __init__(self, dut, config: Config, scratchpad: bytearray, accumulators: list[list[int]], rng: random.Random) -> None:
        self.dut, self.config, self.scratchpad, self.accumulators, self.rng = dut, config, scratchpad, accumulators, rng
        self.mood = self.offer = 1.0
        self.queue: deque[tuple[int, int, int]] = deque()  # word, pc, signal
        self.expected: deque[tuple[int, int]] = deque()  # pc and signal of the instructions under way
        self.error: tuple[int, int, int] | None = None  # cause, pc, address
        self.cycles, self.iterations, self.states, self.pc = 0, 0, Counter(), 0
        self.iterated = False
        self.taken_at: list[int] = []
        self.retired_at: list[int] = []
        self.answers = {name: deque([None] * latency) for name, latency in LATENCY.items()}

    async def reset(self) -> None:
        dut = self.dut
        dut.halt.value = dut.instructions__valid.value = 0
        for port in ("a", "b", "write", "accumulator_read", "accumulator_write"):
            getattr(dut, f"{port}__ready").value = int(port == "write")  # which the scratchpad never lets wait
        dut.rst.value = 1
        for _ in range(3):
            await FallingEdge(dut.clk)
        dut.rst.value = 0
        self.queue.clear()
        self.expected.clear()
        self.error = None

    def start_clock(self) -> None:
        Clock(self.dut.clk, 4, unit="ns").start()

    def submit(self, work: Instructions) -> None:
        for name, values in work:
            signal = self.rng.getrandbits(4)
            self.queue.append((isa.encode(name, signal=signal, **values), self.pc, signal))
            self.pc = (self.pc + 1) % (1 << isa.PC_BITS)

    async def finish(self, limit: int = 100_000) -> None:
        """Until everything submitted has retired, or an error came."""
        began = self.cycles
        while (self.queue or self.expected) and self.error is None:
            await self.cycle()
            assert self.cycles - began < limit, "the unit hangs"

    async def cycle(self) -> None:
        """One clock cycle. Inputs change after the falling edge; outputs count as they stand before the rising one."""
        dut, rng = self.dut, self.rng
        for port in ("a", "b", "accumulator_read", "accumulator_write"):
            getattr(dut, f"{port}__ready").value = int(rng.random() < self.mood)
        for port, answers in self.answers.items():
            data, bits = answers.popleft(), 8 * self.config.line_bytes if port != "accumulator_read" else 32 * self.config.lanes
            getattr(dut, f"{port}__data").value = rng.getrandbits(bits) if data is None else data
        if self.queue and not dut.instructions__valid.value and rng.random() < self.offer:
            dut.instructions__payload.value = self.queue[0][0] | self.queue[0][1] << isa.WORD_BITS
            dut.instructions__valid.value = 1
        await ReadOnly()
        self._observe()
        taken = bool(dut.instructions__valid.value) and bool(dut.instructions__ready.value)
        if taken:
            _, pc, signal = self.queue.popleft()
            self.expected.append((pc, signal))
            self.taken_at.append(self.cycles)
        self._memories()
        self.cycles += 1
        await FallingEdge(dut.clk)
        if taken:
            dut.instructions__valid.value = 0
            if self.queue and rng.random() < self.offer:
                dut.instructions__payload.value = self.queue[0][0] | self.queue[0][1] << isa.WORD_BITS
                dut.instructions__valid.value = 1

    def _observe(self) -> None:
        dut = self.dut
        if dut.retire__valid.value:
            assert self.expected, "retired out of nothing"
            assert (int(dut.retire__pc.value), int(dut.retire__signal.value)) == self.expected.popleft()
            self.retired_at.append(self.cycles)
        if dut.error__valid.value:
            assert self.error is None, "a second error"
            self.error = int(dut.error__cause.value), int(dut.error__pc.value), int(dut.error__address.value)
        self.iterations += int(dut.iteration.value)
        state = State(int(dut.status__state.value))
        self.states[state] += 1
        assert state == State.RUN or not self.iterated
        self.iterated = bool(dut.iteration.value)  # the state tells it a cycle later

    def _memories(self) -> None:
        """Reads see what earlier cycles wrote."""
        dut = self.dut
        for port in ("a", "b"):
            taken = getattr(dut, f"{port}__valid").value and getattr(dut, f"{port}__ready").value
            self.answers[port].append(self._line(int(getattr(dut, f"{port}__address").value)) if taken else None)
        taken = dut.accumulator_read__valid.value and dut.accumulator_read__ready.value
        address = int(dut.accumulator_read__address.value)
        if taken:
            assert address < len(self.accumulators)
        self.answers["accumulator_read"].append(
            sum((lane % (1 << 32)) << 32 * n for n, lane in enumerate(self.accumulators[address])) if taken else None)
        if dut.write__valid.value and dut.write__ready.value:
            start, count = int(dut.write__address.value), int(dut.write__count.value)
            assert 1 <= count <= self.config.lanes and start + count <= len(self.scratchpad)
            self.scratchpad[start : start + count] = int(dut.write__data.value).to_bytes(self.config.line_bytes, "little")[:count]
        if dut.accumulator_write__valid.value and dut.accumulator_write__ready.value:
            data = int(dut.accumulator_write__data.value)
            self.accumulators[int(dut.accumulator_write__address.value)] = [
                ((data >> 32 * n) - LOW) % (1 << 32) + LOW for n in range(self.config.lanes)]

    def _line(self, address: int) -> int:
        """A line from any byte; what lies beyond the end is noise, since a short operand may stand there."""
        assert address < len(self.scratchpad)
        data = self.scratchpad[address : address + self.config.line_bytes]
        return int.from_bytes(data + self.rng.randbytes(self.config.line_bytes - len(data)), "little")
