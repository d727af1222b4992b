"""A stand-alone image as a device: the third back end behind the interface of `weft.sim.device`."""

import time
from collections.abc import Sequence

from weft.fpga.link.client import Link
from weft.fpga.link.errors import LinkError
from weft.gen import csr
from weft.gen.config import Config
from weft.sim.device import RegisterDevice, WindowSpec, place


def check_bitstream(link: Link, config: Config) -> None:
    """Raise `LinkError` unless the accelerator in the image is this version of weft with this configuration."""
    expected = {"ID": csr.IDENTITY, "VERSION": csr.BY_NAME["VERSION"].reset, "CONFIG_HASH": config.hash}
    meaning = {"ID": "no weft accelerator answers there", "VERSION": "the bitstream was built with another version of weft",
               "CONFIG_HASH": f"the bitstream was built with another configuration than {config.name}"}
    for name, value in expected.items():
        given = link.read_register(csr.BY_NAME[name].offset)
        if given != value:
            raise LinkError(f"wrong bitstream: {name} = {given:#010x} instead of {value:#010x}", where="board", why=meaning[name],
                            fix="load the bitstream of this configuration, or give the configuration of this bitstream")


class BoardDevice(RegisterDevice):
    """The accelerator behind a `Link`, with its windows in main memory.

    Parameters
    ----------
    link: in contact with the image.
    config: what the bitstream must have been built with.
    windows: one after the other from address 0.
    max_seconds: after which a run without an interrupt counts as hung.

    Raises `LinkError` for the wrong bitstream and for windows that do not fit into the memory.
    """

    _counters = ("CYCLES",)  # each costs a request

    def __init__(self, link: Link, config: Config, windows: Sequence[WindowSpec], *, max_seconds: float = 60.0) -> None:
        self._link, self._windows, self._max_seconds = link, windows, max_seconds
        check_bitstream(link, config)
        self.base, end = place(windows, 0, config.line_bytes)
        if end > link.identity.memory_bytes:
            raise LinkError(f"the network needs {end:,} bytes of main memory", where="board",
                            why=f"the image has {link.identity.memory_bytes:,}", fix="use a smaller network, or an image with more memory")
        super().__init__(config, windows, self.base)

    @property
    def link(self) -> Link:
        """What carries it."""
        return self._link

    def write(self, register: str, value: int) -> None:
        """Write a register by name."""
        self._link.write_register(csr.BY_NAME[register].offset, value)

    def read(self, register: str) -> int:
        """Read a register by name."""
        return self._link.read_register(csr.BY_NAME[register].offset)

    def write_window(self, index: int, data: bytes, offset: int = 0) -> None:
        self._link.write_memory(self.base[index] + offset, data)

    def read_window(self, index: int) -> bytes:
        return self._link.read_memory(self.base[index], self._windows[index].size)

    def _execute(self) -> None:
        self.write("CONTROL", 1)
        begin = time.monotonic()
        while not self._link.wait():
            if time.monotonic() - begin > self._max_seconds:
                raise self._timeout(f"{self._max_seconds:g} s")
