"""The stand-alone image in Verilator, through its two pins, by the host's own code."""

import functools
import random

import numpy as np
import pytest

from weft.fpga.link.board import BoardDevice
from weft.fpga.link.client import Link
from weft.fpga.link.errors import LinkError
from weft.gen import verilog
from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.frontend import encode_input, load
from weft.hdl.image import Image, ImageOptions
from weft.sim.check import GoldenDevice
from weft.sim.device import WindowSpec
from weft.sim.pins import PinSerial, build_pins
from weft.verif.tests.test_house import ROOT

OPTIONS = ImageOptions(memory_kib=64, clock_hz=25_000_000)
FAST = OPTIONS.clock_hz // 4


def _config(name):
    return Config.load(ROOT / "configs" / f"{name}.toml")


@functools.cache
def _library(name):
    return build_pins(verilog.convert(Image(_config(name), OPTIONS), "image"))


@pytest.fixture
def tiny_library():
    return _library("tiny4")


def _link(serial, rate=FAST):
    link = Link(serial, patience=0.002, contact=0)
    assert link.speed_up([rate]) == rate
    return link


@pytest.mark.integration
@pytest.mark.parametrize("name", ["tiny4", "edge8"])
def test_digits_have_the_same_bits_as_on_the_golden_machine(name):
    config = _config(name)
    graph = load(ROOT / "examples/digits/digits.onnx")
    network = compile_network(graph, config)
    windows = [WindowSpec(*window) for window in zip(network.window_bytes, network.WINDOW_READ, network.WINDOW_WRITE, strict=True)]
    samples = np.load(ROOT / "examples/digits/digits.npz")["x"][:10]
    with PinSerial(_library(name), OPTIONS.clock_hz, OPTIONS.baud) as serial:
        board, golden = BoardDevice(_link(serial), config, windows), GoldenDevice(config, windows)
        results = set()
        for device in (board, golden):
            device.write_window(0, network.image)
        assert board.read_window(0) == network.image
        for sample in samples:
            for device in (board, golden):
                device.write_window(1, network.pack_input(encode_input(graph, sample)))
                assert device.run(len(network.program)).error is None
            assert board.read_window(2) == golden.read_window(2)
            assert board.read_window(3) == golden.read_window(3)
            results.add(board.read_window(2))
        assert len(results) == len(samples)  # ten different answers
        assert board.link.repeated == 0


@pytest.mark.integration
@pytest.mark.parametrize("share", [0.9, 1.2])
def test_a_host_that_was_silent_for_long_is_answered(share):
    """Beyond the fall-back time at the image's first rate, and then again at the fast one."""
    options = ImageOptions(memory_kib=16, clock_hz=1_000_000, baud=100_000)
    library = build_pins(verilog.convert(Image(_config("mini4"), options), "image"))
    with PinSerial(library, options.clock_hz, options.baud) as serial:
        link = Link(serial, patience=0.05, contact=0)
        assert link.speed_up([options.clock_hz // 4]) == options.clock_hz // 4
        link.write_memory(8, b"weft")
        before = link.repeated
        serial.timeout = share * link.identity.fallback_seconds
        assert serial.read(1) == b""
        assert link.read_memory(8, 4) == b"weft"
        assert (link.repeated > before) == (share > 1) and link.rate == options.clock_hz // 4
        repeated = link.repeated
        assert link.read_memory(8, 4) == b"weft" and link.repeated == repeated


@pytest.mark.integration
def test_whole_memory_and_its_ends(tiny_library):
    data = random.Random(1).randbytes(OPTIONS.memory_bytes)
    with PinSerial(tiny_library, OPTIONS.clock_hz, OPTIONS.baud) as serial:
        link = _link(serial)
        assert link.identity.memory_bytes == OPTIONS.memory_bytes and link.identity.clock_hz == OPTIONS.clock_hz
        link.write_memory(0, data)
        assert link.read_memory(0, len(data)) == data
        with pytest.raises(LinkError, match="READ_MEMORY at 0xfffc failed"):
            link.read_memory(OPTIONS.memory_bytes - 4, 5)


@pytest.mark.integration
def test_the_wrong_bitstream_is_refused(tiny_library):
    with PinSerial(tiny_library, OPTIONS.clock_hz, OPTIONS.baud) as serial:
        link = _link(serial)
        with pytest.raises(LinkError, match="wrong bitstream: CONFIG_HASH = 0x"):
            BoardDevice(link, _config("edge8"), [])
        with pytest.raises(LinkError, match=r"needs 65,540 bytes of main memory(?s:.*)65,536"):
            BoardDevice(link, _config("tiny4"), [WindowSpec(65536, True, False), WindowSpec(4, True, True)])


@pytest.mark.parametrize(("options", "fix"), [
    ({"memory_kib": 30, "clock_hz": 10**7}, "use 28"), ({"memory_kib": 0, "clock_hz": 10**7}, "use 4"),
    ({"memory_kib": 4, "clock_hz": 10**8, "baud": 9600}, "use 97752"),
    ({"memory_kib": 4, "clock_hz": 10**7, "baud": 3_000_000}, "use 2500000")])
def test_illegal_options_have_a_nearest_legal_value(options, fix):
    with pytest.raises(WeftError) as caught:
        ImageOptions(**options)
    assert caught.value.fix == fix
    name = "baud" if "baud" in fix or "baud" in options else "memory_kib"
    ImageOptions(**{**options, name: int(fix.split()[1])})
