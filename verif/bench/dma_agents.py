"""What surrounds the DMA units in `bench_dma`: program, scratchpad, a pipelined memory, and monitors of the bus rules.

Every agent wakes once a cycle at the rising edge, where it sees the values of the cycle that ends, and drives the next.
"""

import random
from collections import deque
from collections.abc import Callable
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from weft.gen import isa
from weft.gen.config import Config

READ_LATENCY = 3  # of the scratchpad, as hdl/interfaces.py states it
PAGE = 4096
OKAY, SLVERR, DECERR = 0, 2, 3
Chance = Callable[[], bool]  # may a channel move in the next cycle?


def always() -> bool:
    return True


def sometimes(generator: random.Random, probability: float) -> Chance:
    return lambda: generator.random() < probability


async def start(dut: Any) -> None:
    """Clock, idle inputs, reset."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    for unit in ("load", "store"):
        for name in ("instructions__valid", "instructions__payload", "halt"):
            getattr(dut, f"{unit}__{name}").value = 0
    for name in ("arready", "rvalid", "awready", "wready", "bvalid"):
        getattr(dut, f"m_axi_{name}").value = 0
    dut.load__write__ready.value = 0
    dut.store__read__ready.value = 0
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0


class Cycles:
    """Counts clock cycles."""

    def __init__(self, dut: Any) -> None:
        self.now = 0
        cocotb.start_soon(self._run(dut))

    async def _run(self, dut: Any) -> None:
        while True:
            await RisingEdge(dut.clk)
            self.now += 1


class Unit:
    """One unit's control side. `retired`: (pc, signal); `errors`: (cause, pc, address); in the order of the pulses."""

    def __init__(self, dut: Any, name: str) -> None:
        self._dut, self._name = dut, name
        self.retired: list[tuple[int, int]] = []
        self.errors: list[tuple[int, int, int]] = []
        self.states = dict.fromkeys(isa.State, 0)
        cocotb.start_soon(self._watch())

    def port(self, name: str) -> Any:
        return getattr(self._dut, f"{self._name}__{name}")

    def window(self, number: int, *, base: int, size: int, read: bool = True, write: bool = True) -> None:
        for name, value in (("base", base), ("size", size), ("read", int(read)), ("write", int(write))):
            self.port(f"window_{number}__{name}").value = value

    async def feed(self, words: list[int], may: Chance) -> None:
        """Offer instructions; their program counters are their indices."""
        valid, ready = self.port("instructions__valid"), self.port("instructions__ready")
        for pc, word in enumerate(words):
            while not may():
                await RisingEdge(self._dut.clk)
            self.port("instructions__payload").value = pc << isa.WORD_BITS | word
            valid.value = 1
            await RisingEdge(self._dut.clk)
            while not int(ready.value):
                await RisingEdge(self._dut.clk)
            valid.value = 0

    async def until(self, done: Callable[[], bool], *, cycles: int) -> None:
        """Wait for `done`; fails after `cycles`."""
        for _ in range(cycles):
            if done():
                return
            await RisingEdge(self._dut.clk)
        raise AssertionError(f"{self._name}: nothing after {cycles} cycles; retired {len(self.retired)}, errors {self.errors}")

    async def _watch(self) -> None:
        retire = [self.port(f"retire__{name}") for name in ("valid", "pc", "signal")]
        error = [self.port(f"error__{name}") for name in ("valid", "cause", "pc", "address")]
        while True:
            await RisingEdge(self._dut.clk)
            if int(retire[0].value):
                self.retired.append((int(retire[1].value), int(retire[2].value)))
            if int(error[0].value):
                self.errors.append((int(error[1].value), int(error[2].value), int(error[3].value)))
            self.states[isa.State(int(self.port("status__state").value))] += 1


class Scratchpad:
    """Byte memory behind both client ports; `lines[n]` is line n. Reads give garbage in every cycle but the right one."""

    def __init__(self, dut: Any, config: Config, may: Chance, seed: int) -> None:
        generator = np.random.default_rng(seed)
        self._dut, self._config, self._may = dut, config, may
        self.lines = generator.integers(0, 256, (config.scratchpad_lines, config.line_bytes), dtype=np.uint8)
        self._garbage = generator.integers(0, 256, config.line_bytes, dtype=np.uint8)
        cocotb.start_soon(self._writes())
        cocotb.start_soon(self._reads())

    async def _writes(self) -> None:
        port = {name: getattr(self._dut, f"load__write__{name}") for name in ("valid", "ready", "address", "data", "count")}
        size, ready = self._config.line_bytes, False
        while True:
            await RisingEdge(self._dut.clk)
            if ready and int(port["valid"].value):
                address = int(port["address"].value)
                assert address % size == 0 and address // size < len(self.lines), f"write at {address:#x}"
                assert int(port["count"].value) == size
                self.lines[address // size] = np.frombuffer(int(port["data"].value).to_bytes(size, "little"), np.uint8)
            ready = self._may()
            port["ready"].value = int(ready)

    async def _reads(self) -> None:
        port = {name: getattr(self._dut, f"store__read__{name}") for name in ("valid", "ready", "address", "data")}
        size, ready = self._config.line_bytes, False
        on_the_way: deque[int | None] = deque([None] * (READ_LATENCY - 1), maxlen=READ_LATENCY - 1)
        while True:
            await RisingEdge(self._dut.clk)
            due = on_the_way.popleft()
            data = self._garbage if due is None else self.lines[due]
            port["data"].value = int.from_bytes(data.tobytes(), "little")
            taken = None
            if ready and int(port["valid"].value):
                address = int(port["address"].value)
                assert address % size == 0 and address // size < len(self.lines), f"read at {address:#x}"
                taken = address // size
            on_the_way.append(taken)
            ready = self._may()
            port["ready"].value = int(ready)


class Memory:
    """A pipelined DRAM: any number of bursts in flight, the first beat (or the answer to a write) `latency` cycles after the address
    (or the last beat), then a beat a cycle when `may` allows. `faults` maps bus addresses of lines to responses. Addresses wrap around
    at `size`."""

    def __init__(self, dut: Any, config: Config, cycles: Cycles, *, latency: int, size: int, may: Chance = always) -> None:
        self._dut, self._bytes, self._cycles, self._latency, self._may = dut, config.line_bytes, cycles, latency, may
        self.data = np.random.default_rng(latency).integers(0, 256, (size // config.line_bytes, config.line_bytes), dtype=np.uint8)
        self.faults: dict[int, int] = {}
        self.first: int | None = None  # cycle of the first address
        cocotb.start_soon(self._read())
        cocotb.start_soon(self._write())

    def _pin(self, name: str) -> Any:
        return getattr(self._dut, f"m_axi_{name}")

    async def _read(self) -> None:
        beats: deque[tuple[int, int, int]] = deque()  # (cycle from which it may leave, address, last)
        self._pin("arready").value = 1
        valid = False
        while True:
            await RisingEdge(self._dut.clk)
            if int(self._pin("arvalid").value):
                self.first = self._cycles.now if self.first is None else self.first
                address, count = int(self._pin("araddr").value), int(self._pin("arlen").value) + 1
                beats.extend((self._cycles.now + self._latency, address + n * self._bytes, n == count - 1) for n in range(count))
            if valid and int(self._pin("rready").value):
                beats.popleft()
                valid = False
            if not valid and beats and beats[0][0] <= self._cycles.now and self._may():
                _, address, last = beats[0]
                valid = True
                self._pin("rdata").value = int.from_bytes(self.data[address // self._bytes % len(self.data)].tobytes(), "little")
                self._pin("rresp").value = self.faults.get(address, OKAY)
                self._pin("rlast").value = int(last)
                self._pin("rid").value = 0
            self._pin("rvalid").value = int(valid)

    async def _write(self) -> None:
        bursts: deque[tuple[int, int]] = deque()  # (address, beats) whose data is due
        answers: deque[tuple[int, int]] = deque()  # (cycle from which it may leave, response)
        self._pin("awready").value = 1
        valid, ready, beat, response = False, False, 0, OKAY
        while True:
            await RisingEdge(self._dut.clk)
            if int(self._pin("awvalid").value):
                self.first = self._cycles.now if self.first is None else self.first
                bursts.append((int(self._pin("awaddr").value), int(self._pin("awlen").value) + 1))
            if ready and int(self._pin("wvalid").value):
                start, count = bursts[0]
                address = start + beat * self._bytes
                response = max(response, self.faults.get(address, OKAY))
                line = int(self._pin("wdata").value).to_bytes(self._bytes, "little")
                self.data[address // self._bytes % len(self.data)] = np.frombuffer(line, np.uint8)
                beat += 1
                if beat == count:
                    bursts.popleft()
                    answers.append((self._cycles.now + self._latency, response))
                    beat, response = 0, OKAY
            if valid and int(self._pin("bready").value):
                answers.popleft()
                valid = False
            if not valid and answers and answers[0][0] <= self._cycles.now:
                valid = True
                self._pin("bresp").value = answers[0][1]
                self._pin("bid").value = 0
            self._pin("bvalid").value = int(valid)
            ready = self._may()
            self._pin("wready").value = int(ready)


class BusMonitor:
    """Checks AR, AW and W of every cycle; `reads` and `writes` collect the bursts (address, beats) when they are first offered.

    Rules: payload and valid hold until ready; INCR, full width, line-aligned; at most `burst_beats`; inside a page; at most
    `outstanding_reads` of each kind in flight; `wlast` where the address said; no beat before its address is offered; all strobes;
    and nothing new once `closed` is set.
    """

    def __init__(self, dut: Any, config: Config) -> None:
        self._dut, self._config = dut, config
        self.reads: list[tuple[int, int]] = []
        self.writes: list[tuple[int, int]] = []
        self.closed = False
        self._ends = {"r": 0, "w": 0, "b": 0}  # bursts that ended
        cocotb.start_soon(self._run())

    def _pin(self, name: str) -> int:
        return int(getattr(self._dut, f"m_axi_{name}").value)

    async def _run(self) -> None:
        held: dict[str, tuple[int, ...]] = {}
        beats = 0
        while True:
            await RisingEdge(self._dut.clk)
            for channel, fields in (("ar", ("addr", "len", "size", "burst")), ("aw", ("addr", "len", "size", "burst")),
                                    ("w", ("data", "last", "strb"))):
                payload = tuple(self._pin(channel + field) for field in fields) if self._pin(channel + "valid") else None
                waiting = held.pop(channel, None)
                assert waiting in (None, payload), f"{channel} changed before ready"
                if payload is not None and not self._pin(channel + "ready"):
                    held[channel] = payload
                if payload is not None and channel != "w" and waiting is None:
                    self._address(self.reads if channel == "ar" else self.writes, payload)
                if payload is not None and channel == "w" and self._pin("wready"):
                    beats += 1
                    assert payload[2] == (1 << self._config.line_bytes) - 1, "strobes"
                    assert self._ends["w"] < len(self.writes), "beat before its address"
                    assert payload[1] == (beats == self.writes[self._ends["w"]][1]), f"wlast on beat {beats}"
                    if payload[1]:
                        beats, self._ends["w"] = 0, self._ends["w"] + 1
            self._ends["r"] += self._pin("rvalid") and self._pin("rready") and self._pin("rlast")
            self._ends["b"] += self._pin("bvalid") and self._pin("bready")
            for bursts, end in ((self.reads, "r"), (self.writes, "b")):
                assert len(bursts) - self._ends[end] <= self._config.axi.outstanding_reads, "too many bursts in flight"

    def _address(self, bursts: list[tuple[int, int]], payload: tuple[int, ...]) -> None:
        address, length, size, burst = payload
        line, beats = self._config.line_bytes, length + 1
        assert not self.closed, f"a burst at {address:#x} after the unit stopped"
        assert burst == 1 and 1 << size == line and address % line == 0, payload
        assert beats <= self._config.axi.burst_beats, f"{beats} beats"
        assert address % PAGE + beats * line <= PAGE, f"{address:#x}, {beats} beats cross a page"
        bursts.append((address, beats))
