"""Wishbone B4 as its specification has it: a memory and a checker for the manager, a host for the registers.

Everything is sampled at the rising edge of clk; the memory drives its answer in the middle of the cycle, from what the manager shows in
that same cycle, as a subordinate without registers does.
"""

import dataclasses
import random
from collections.abc import Callable
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

INCREMENTING, END = 0b010, 0b111


class WishboneError(Exception):
    """An access was answered with err."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What a manager shows while stb is high."""

    address: int
    we: int
    data: int
    cti: int


class WishboneRam:
    """Memory behind a manager port ``wbm_*``; `size` bytes that repeat through the address space.

    The rules below are checked in every cycle; the first breach ends the test. `early`: answer whenever cyc is high, also while stb is
    not, as subordinates with registered feedback may; else each beat waits for its own stb. `pause`: the share of cycles
    in which it keeps silent. `faults`: bytes, by address within the memory, whose access is answered with err and done nothing.
    `transfers` counts beats, `bursts` cycles of cyc.

    1. stb only with cyc.
    2. From stb to its answer, cyc, stb, adr, we, sel, dat of a write, CTI and BTE hold.
    3. sel is all ones, BTE linear, adr a multiple of the word; CTI says incrementing or end.
    4. After a beat that is answered with ack and said incrementing, the next beat has the next word's address and the same we, and cyc does
       not fall before it.
    5. After a beat that said end, or was answered with err, cyc falls.
    """

    def __init__(self, dut: Any, size: int, source: random.Random) -> None:
        self.dut, self.size, self.source = dut, size, source
        self.bytes = len(dut.wbm_sel_o)
        self.memory = bytearray(size)
        self.pause, self.early = 0.0, False
        self.faults: set[int] = set()
        self.transfers = self.bursts = self.errors = 0
        dut.wbm_ack_i.value = dut.wbm_err_i.value = 0
        cocotb.start_soon(self._answer())
        cocotb.start_soon(self._watch())

    def read(self, address: int, length: int) -> bytes:
        """Bytes, in no time."""
        return bytes(self.memory[address:address + length])

    def write(self, address: int, data: bytes) -> None:
        """Set bytes, in no time."""
        self.memory[address:address + len(data)] = data

    def _request(self) -> Request | None:
        dut = self.dut
        if not int(dut.wbm_stb_o.value):
            return None
        we = int(dut.wbm_we_o.value)
        return Request(int(dut.wbm_adr_o.value), we, int(dut.wbm_dat_o.value) if we else 0, int(dut.wbm_cti_o.value))

    async def _answer(self) -> None:
        dut = self.dut
        while True:
            await FallingEdge(dut.clk)
            cyc, stb = int(dut.wbm_cyc_o.value), int(dut.wbm_stb_o.value)
            speak = cyc and (stb or self.early) and (not self.pause or self.source.random() >= self.pause)
            place = int(dut.wbm_adr_o.value) % self.size
            faulty = bool(speak and self.faults.intersection(range(place, place + self.bytes)))
            dut.wbm_ack_i.value, dut.wbm_err_i.value = int(bool(speak and not faulty)), int(faulty)
            good = speak and not faulty and not int(dut.wbm_we_o.value)
            # Whatever a bus carries when nobody may look at it.
            noise = self.source.getrandbits(8 * self.bytes)
            dut.wbm_dat_i.value = int.from_bytes(self.read(place, self.bytes), "little") if good else noise

    async def _watch(self) -> None:
        dut, word = self.dut, self.bytes
        waiting: Request | None = None  # for its answer
        expected: tuple[int, int] | None = None  # address and we of the beat that must follow
        must_fall, before = False, 0
        while True:
            await RisingEdge(dut.clk)
            cyc, request = int(dut.wbm_cyc_o.value), self._request()
            assert cyc or request is None, "rule 1: stb without cyc"
            assert waiting is None or request == waiting, f"rule 2: {waiting} became {request} before its answer"
            assert cyc or expected is None, "rule 4: cyc falls inside a burst"
            assert not (cyc and must_fall), "rule 5: cyc stays after the end of a burst"
            self.bursts += cyc and not before
            waiting, must_fall, before = request, False, cyc
            if request is None:
                continue
            assert int(dut.wbm_sel_o.value) == (1 << word) - 1 and not int(dut.wbm_bte_o.value), "rule 3: sel or BTE"
            assert request.address % word == 0 and request.cti in (INCREMENTING, END), f"rule 3: {request}"
            assert expected is None or (request.address, request.we) == expected, f"rule 4: {request}, expected {expected}"
            ack, err = int(dut.wbm_ack_i.value), int(dut.wbm_err_i.value)
            if not ack and not err:
                continue
            waiting = None
            self.transfers += 1
            self.errors += err
            if ack and request.we:
                self.write(request.address % self.size, request.data.to_bytes(word, "little"))
            must_fall = bool(err or request.cti == END)
            expected = None if must_fall else (request.address + word, request.we)


class WishboneHost:
    """Manager of the registers ``wbs_*``. `pipelined`: stb falls as soon as the request is taken; else it stays until the answer."""

    PATIENCE = 1000  # cycles

    def __init__(self, dut: Any, *, pipelined: bool = False) -> None:
        self.dut, self.pipelined = dut, pipelined
        for name in ("cyc", "stb", "we", "adr", "sel", "dat"):
            getattr(dut, f"wbs_{name}_i").value = 0

    async def write_dword(self, address: int, value: int, select: int = 15) -> None:
        """Write; raises WishboneError for err."""
        await self._access(address, value, select)

    async def read_dword(self, address: int) -> int:
        """Read; raises WishboneError for err."""
        return await self._access(address, None, 15)

    async def _access(self, address: int, value: int | None, select: int) -> int:
        dut = self.dut
        dut.wbs_cyc_i.value = dut.wbs_stb_i.value = 1
        dut.wbs_we_i.value, dut.wbs_adr_i.value, dut.wbs_sel_i.value = int(value is not None), address, select
        dut.wbs_dat_i.value = value or 0
        taken = False
        for _ in range(self.PATIENCE):
            await RisingEdge(dut.clk)
            ack, err = int(dut.wbs_ack_o.value), int(dut.wbs_err_o.value)
            assert not (ack and err), "ack and err together"
            assert taken or not (ack or err), "an answer before its request"
            taken |= not int(dut.wbs_stall_o.value)
            if taken and self.pipelined:
                dut.wbs_stb_i.value = 0
            if ack or err:
                break
        else:
            raise AssertionError(f"no answer at {address:#x}")
        data = int(dut.wbs_dat_o.value)
        dut.wbs_cyc_i.value = dut.wbs_stb_i.value = 0
        await RisingEdge(dut.clk)
        assert not int(dut.wbs_ack_o.value) and not int(dut.wbs_err_o.value), "an answer that nobody asked for"
        if err:
            raise WishboneError(hex(address))
        return data

    async def burst(self, addresses: list[int], ready: Callable[[], bool] = lambda: True) -> list[int | None]:
        """Pipelined reads in one cycle, requests as early as stall allows; the data of each, None for err."""
        dut, answers = self.dut, []
        dut.wbs_cyc_i.value, dut.wbs_we_i.value, dut.wbs_sel_i.value = 1, 0, 15
        left = list(addresses)
        for _ in range(self.PATIENCE):
            present = bool(left) and ready()
            dut.wbs_stb_i.value = int(present)
            dut.wbs_adr_i.value = left[0] if present else 0
            await RisingEdge(dut.clk)
            if int(dut.wbs_ack_o.value) or int(dut.wbs_err_o.value):
                answers.append(int(dut.wbs_dat_o.value) if int(dut.wbs_ack_o.value) else None)
            if present and not int(dut.wbs_stall_o.value):
                left.pop(0)
            if len(answers) == len(addresses):
                break
        dut.wbs_cyc_i.value = dut.wbs_stb_i.value = 0
        await RisingEdge(dut.clk)
        return answers
