"""Damage on the line, in tens of thousands of frames: host framing alone, and the whole link in RTL with the host's own code."""

import random

import pytest

from weft.fpga.link.client import Link
from weft.fpga.link.framing import Decoder, encode
from weft.gen import csr, link, verilog
from weft.gen.config import Config
from weft.hdl.image import Image, ImageOptions
from weft.sim.pins import GLITCH, NO_STOP, PAUSE, PinSerial, build_pins
from weft.verif.tests.image_model import ImageModel
from weft.verif.tests.test_house import ROOT

FRAMES = 10_000


def _flip(line, chance):
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        place = chance.randrange(len(line))
        line[place] ^= 1 << chance.randrange(8)
    return line


def _insert(line, chance):
    for _ in range(chance.choice((1, 1, 2, 5))):
        line.insert(chance.randrange(1, len(line) - 1), chance.choice((chance.randrange(256), link.FLAG, link.ESCAPE)))
    return line


def _delete(line, chance):
    for _ in range(chance.choice((1, 1, 2, 5))):
        del line[chance.randrange(len(line) - 1)]
    return line


def _truncate(line, chance):
    return line[:chance.randrange(1, len(line) - 1)]


def _cut_front(line, chance):
    return line[chance.randrange(2, len(line)):]


def _swell(line, chance):
    place = chance.randrange(1, len(line) - 1)
    return [*line[:place], *(chance.choice(b"weft") for _ in range(300)), *line[place:]]


def _repeat_part(line, chance):
    first, last = sorted(chance.sample(range(1, len(line)), 2))
    return [*line[:last], *line[first:]]


DAMAGES = (_flip, _flip, _insert, _delete, _truncate, _cut_front, _repeat_part)


def test_host_framing_survives_damage():
    chance, decoder = random.Random(1), Decoder()
    sent = lost = 0
    for number in range(2 * FRAMES):
        content = number.to_bytes(4, "little") + chance.randbytes(chance.randrange(1, 40))
        line = list(encode(content))
        damaged = chance.random() < 0.6
        if damaged:
            line = chance.choice((*DAMAGES, _swell))(line, chance)
        given = decoder.feed(bytes(line))
        assert given in ([], [content])  # never anything that was not sent
        if not damaged:
            assert given == [content]  # in step again at once
        sent, lost = sent + damaged, lost + (damaged and not given)
    assert lost > 0.9 * sent > FRAMES  # what got through had its damage outside the frame
    assert decoder.dropped > 0.5 * lost


class DisturbedSerial:
    """A line that damages most frames of the host, disturbs others, and damages some answers.

    Everything that reaches the image is also given to `model`; before each frame its memory must be that of the RTL.
    """

    def __init__(self, serial, model, memory, chance):
        self.serial, self.model, self._memory, self._chance = serial, model, memory, chance
        self.frames = self.damaged = self.refused = 0

    def check(self):
        """Let the image finish; then all of its memory is as the model says."""
        self.serial.flush()
        self.serial.run(2500)
        assert self._memory.tobytes() == self.model.memory

    def write(self, data):
        self.check()
        chance, line = self._chance, list(data)
        self.frames += 1
        before, damaged = self.model.accepted, False
        kind = chance.random()
        if kind < 0.70:
            line = (_swell if chance.random() < 0.02 else chance.choice(DAMAGES))(line, chance)
            damaged = bytes(line) != data
        elif kind < 0.75:
            line[chance.randrange(1, len(line) - 1)] |= NO_STOP
            damaged = True
        if kind > 0.5 and chance.random() < 0.5:  # noise before it
            line = [*(chance.choice((chance.randrange(256), link.FLAG, GLITCH, PAUSE)) for _ in range(chance.randrange(1, 15))), *line]
        line = [item for character in line for item in ((character, PAUSE) if character & NO_STOP else
                                                        (GLITCH, character) if chance.random() < 0.01 else (character,))]
        self.serial.disturb(line)
        for item in line:
            if not item & (GLITCH | PAUSE):
                self.model.feed(item & 0xFF, bool(item & NO_STOP))
        self.damaged += damaged
        self.refused += self.model.accepted == before
        return len(data)

    def read(self, size=1):
        data = self.serial.read(size)
        if data and self._chance.random() < 0.01:
            data = bytes([data[0] ^ 1 << self._chance.randrange(8)]) + data[1:]
        return data

    def __getattr__(self, name):
        return getattr(self.serial, name)

    def __setattr__(self, name, value):
        if name in ("timeout", "baudrate"):
            setattr(self.serial, name, value)
        else:
            super().__setattr__(name, value)


@pytest.mark.integration
def test_ten_thousand_frames(monkeypatch):
    """Every request is answered rightly in the end, no damaged one has an effect, and the model and the RTL agree on which were good."""
    config, chance = Config.load(ROOT / "configs/mini4.toml"), random.Random(2026)
    options = ImageOptions(memory_kib=16, clock_hz=25_000_000, baud=25_000_000 // link.DIVISOR_MINIMUM)
    length = csr.BY_NAME["PROGRAM_LENGTH"].offset
    monkeypatch.setattr("weft.fpga.link.client.ATTEMPTS", 60)
    with PinSerial(build_pins(verilog.convert(Image(config, options), "image")), options.clock_hz, options.baud) as serial:
        memories = [view for name, view in serial.memories().items() if name.startswith("image.memory.ram")]
        assert len(memories) == 1 and memories[0].size == options.memory_bytes
        model = ImageModel(options.memory_bytes, {length: 0}, options.clock_hz, options.divisor)
        memories[0][:] = 0
        line = DisturbedSerial(serial, model, memories[0], chance)
        host = Link(line, patience=40e-6, contact=0)
        while line.frames < FRAMES:
            kind, size = chance.random(), chance.choice((1, 2, 3, 4, 8, 20, 40))
            address = chance.randrange(options.memory_bytes - size)
            if kind < 0.6:
                data = chance.randbytes(size) if chance.random() < 0.8 else bytes([chance.choice(b"\x7e\x7d")]) * size
                host.write_memory(address, data)
                assert model.memory[address:address + size] == data
            elif kind < 0.8:
                assert host.read_memory(address, size) == model.memory[address:address + size]
            elif kind < 0.9:
                value = chance.getrandbits(32)
                host.write_register(length, value)
                assert model.registers[length] == value
            else:
                assert host.read_register(length) == model.registers[length]
        line.check()
        assert line.damaged > 0.7 * FRAMES and line.refused > 0.6 * FRAMES
        assert host.repeated >= line.refused and serial.framing_errors == 0
        assert host.read_register(length) == model.registers[length]
        print(f"{line.frames} frames, {line.damaged} damaged, {line.refused} without a good request, {host.repeated} repeated, "
              f"{len(model.writes)} register writes, {serial.cycle} cycles")
