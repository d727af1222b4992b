"""Static RAM: the only place in the project that instantiates a memory."""

from collections.abc import Sequence

from amaranth import Module
from amaranth.hdl import Assert
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2


class Sram(wiring.Component):
    """One write port, one read port, both synchronous: what every block RAM and every SRAM macro has.

    A write is done at the end of the cycle with `write.enable`; a read started in any later cycle sees it. `read.data`
    is valid the cycle after `read.enable` and holds until the next read. Power-up contents are undefined (zero in
    amaranth.sim). What a read of a word gives in the very cycle in which the word is written is undefined, because technologies
    disagree; in simulation such a read is an assertion failure, and export leaves it to the technology.

    Parameters
    ----------
    depth: words, 1 or more.
    width: bits of a word, 1 or more.
    granularity: bits that one bit of `write.enable` governs; None for the whole word. Divides `width`.
    drops_collisions: the user makes sure (and asserts) that the undefined word is never used; no assertion here.

    Members
    -------
    write: `enable` (width / granularity bits), `address`, `data`.
    read: `enable` (1 bit), `address`, `data`.

    Raises
    ------
    ValueError: for a parameter outside the rules above.
    """

    LATENCY = 1  # cycles from read.enable to read.data

    def __init__(self, *, depth: int, width: int, granularity: int | None = None, drops_collisions: bool = False) -> None:
        for name, value in (("depth", depth), ("width", width)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"Sram {name}={value!r}: must be an integer of 1 or more")
        if granularity is not None and (granularity < 1 or width % granularity):
            raise ValueError(f"Sram granularity={granularity!r}: must divide width={width}")
        self._depth, self._width, self._granularity, self._drops_collisions = depth, width, granularity, drops_collisions
        address = ceil_log2(depth)
        super().__init__({
            "write": In(wiring.Signature({
                "enable": Out(1 if granularity is None else width // granularity),
                "address": Out(address), "data": Out(width)})),
            "read": In(wiring.Signature({"enable": Out(1), "address": Out(address), "data": In(width)}))})

    @property
    def depth(self) -> int:
        """Words."""
        return self._depth

    @property
    def width(self) -> int:
        """Bits of a word."""
        return self._width

    @property
    def granularity(self) -> int | None:
        """Bits that one write enable governs; None for the whole word."""
        return self._granularity

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.array = array = memory.Memory(shape=self._width, depth=self._depth, init=[])
        write, read = array.write_port(granularity=self._granularity), array.read_port()
        m.d.comb += [
            write.en.eq(self.write.enable), write.addr.eq(self.write.address), write.data.eq(self.write.data),
            read.en.eq(self.read.enable), read.addr.eq(self.read.address), self.read.data.eq(read.data)]
        if self._drops_collisions:
            return m
        with m.If(self.read.enable & self.write.enable.any()):
            m.d.sync += Assert(self.read.address != self.write.address, "word read in the cycle in which it is written")
        return m


class SinglePortSram(wiring.Component):
    """One port that either reads or writes in a cycle, as large SRAM macros have.

    `read_data` is valid the cycle after a cycle with `enable` and no bit of `write`, and holds until the next one with `enable`. Power-up
    contents are undefined.

    Parameters
    ----------
    depth: words, 1 or more. width: bits of a word, a multiple of 8.

    Members
    -------
    enable, write (one bit for each byte), address, write_data, read_data.
    """

    LATENCY = 1

    def __init__(self, *, depth: int, width: int) -> None:
        if not isinstance(depth, int) or depth < 1:
            raise ValueError(f"SinglePortSram depth={depth!r}: must be an integer of 1 or more")
        if not isinstance(width, int) or width < 8 or width % 8:
            raise ValueError(f"SinglePortSram width={width!r}: must be a multiple of 8")
        self._depth, self._width = depth, width
        super().__init__({"enable": In(1), "write": In(width // 8), "address": In(ceil_log2(depth)), "write_data": In(width),
                          "read_data": Out(width)})

    @property
    def depth(self) -> int:
        """Words."""
        return self._depth

    @property
    def width(self) -> int:
        """Bits of a word."""
        return self._width

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.array = array = memory.Memory(shape=self._width, depth=self._depth, init=[])
        write, read = array.write_port(granularity=8), array.read_port()
        m.d.comb += [
            write.en.eq(self.write & self.enable.replicate(self._width // 8)), write.addr.eq(self.address),
            write.data.eq(self.write_data), read.en.eq(self.enable & ~self.write.any()), read.addr.eq(self.address),
            self.read_data.eq(read.data)]
        return m


class Rom(wiring.Component):
    """Constants with one synchronous read port: an initialised block RAM on FPGAs, gates elsewhere.

    Parameters
    ----------
    contents: the words, 1 or more. width: bits of a word.

    Members
    -------
    enable, address; data: valid the cycle after `enable`, holds until the next. An address beyond the
        contents gives nothing defined.
    """

    LATENCY = 1

    def __init__(self, contents: Sequence[int], *, width: int) -> None:
        if not contents or not all(0 <= word < 1 << width for word in contents):
            raise ValueError(f"Rom contents={list(contents)[:4]!r} ..: must be one or more words of {width} bits")
        self._contents, self._width = tuple(contents), width
        super().__init__({"enable": In(1), "address": In(ceil_log2(len(contents))), "data": Out(width)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.array = array = memory.Memory(shape=self._width, depth=len(self._contents), init=self._contents)
        read = array.read_port()
        m.d.comb += [read.en.eq(self.enable), read.addr.eq(self.address), self.data.eq(read.data)]
        return m
