"""The host's side of the link against a model of the image: lost and damaged frames, rates, every error."""

import random

import pytest
from typer.testing import CliRunner

from weft.fpga.link.board import check_bitstream
from weft.fpga.link.client import ATTEMPTS, Link
from weft.fpga.link.errors import LinkError, NoAnswer
from weft.fpga.link.framing import encode
from weft.gen import cli, csr
from weft.gen.config import Config
from weft.verif.tests.image_model import ImageModel
from weft.verif.tests.test_house import ROOT

CLOCK, BAUD = 25_000_000, 115_200


class ModelSerial:
    """A line to an `ImageModel`. `lose(number)`: what happens to frame `number` of the host: "", "request" or "answer" is lost. Rates other
    than the model's lose everything; so do `deaf` ones, where the adapter fails."""

    def __init__(self, model, lose=lambda number: "", deaf=()):
        self.model, self._lose, self._deaf, self.baudrate, self.timeout = model, lose, deaf, BAUD, 1.0
        self.frames, self._waiting, self.closed, self._first = 0, b"", False, model.divisor

    @property
    def in_waiting(self):
        return len(self._waiting)

    def read(self, size=1):
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data

    def write(self, data):
        self.frames += 1
        lost = self._lose(self.frames)
        if self.baudrate in self._deaf:
            self.model.divisor = self._first  # the fall-back, in no time
            return len(data)
        if abs(CLOCK / self.model.divisor / self.baudrate - 1) > 0.03 or lost == "request":
            return len(data)
        for byte in data:
            answer = self.model.feed(byte)
            if answer and lost != "answer":
                self._waiting += encode(answer)
        return len(data)

    def reset_input_buffer(self):
        self._waiting = b""

    def close(self):
        self.closed = True


def _model(**options):
    return ImageModel(4096, {register.offset: 0 for register in csr.REGISTERS}, CLOCK, **options)


def _link(serial, **options):
    return Link(serial, **{"patience": 0, "contact": 0, **options})


def test_a_lossy_line_does_everything_once():
    chance, model = random.Random(3), _model()
    link = _link(ModelSerial(model, lambda number: chance.choice(("", "request", "answer")) if number % ATTEMPTS else ""))
    wanted = [(0x40, value) for value in range(200)]
    for offset, value in wanted:
        link.write_register(offset, value)
        link.write_memory(value, bytes([value, value ^ 0xFF]))
        assert link.read_memory(value, 2) == bytes([value, value ^ 0xFF])
    assert model.writes == wanted
    assert link.repeated > 200


def test_no_answer():
    serial = ModelSerial(_model(), lambda number: "request")
    with pytest.raises(NoAnswer, match="no answer to IDENTIFY") as caught:
        _link(serial)
    assert serial.frames == ATTEMPTS and caught.value.exit_code == 2


def test_an_image_that_has_a_fast_rate_is_found_when_it_falls_back():
    model = _model()
    model.divisor = 25
    serial = ModelSerial(model)

    def fall_back(number):
        model.divisor = 217 if number == 2 * ATTEMPTS + 1 else model.divisor
        return ""

    serial._lose = fall_back
    assert _link(serial, contact=5).identity.memory_bytes == 4096


def _fast(lose=lambda number: ""):
    """A link at another rate than the first one, its line and its model."""
    model = _model()
    serial = ModelSerial(model)
    link = _link(serial)
    assert link.speed_up((500_000,)) == 500_000
    serial.frames, serial._lose = 0, lose
    return link, serial, model


def test_an_image_that_fell_back_is_found_and_speeded_up_again():
    link, _, model = _fast()
    model.divisor = 217  # a host that was silent for long
    link.write_register(0x40, 7)
    assert model.writes == [(0x40, 7)] and link.rate == 500_000 and CLOCK / model.divisor == 500_000
    assert link.read_register(0x40) == 7
    model.divisor = 217
    assert link.read_register(0x40) == 7


def test_a_register_is_written_once_if_the_image_falls_back_before_its_answer_arrives():
    def lose(number):
        if number == ATTEMPTS + 1:
            model.divisor = 217
        return "answer" if number <= ATTEMPTS else ""

    link, _, model = _fast(lose)
    link.write_register(0x40, 7)
    assert model.writes == [(0x40, 7)] and link.rate == 500_000


def test_an_image_that_is_gone_is_missed_at_both_rates():
    link, serial, _ = _fast(lambda number: "request")
    with pytest.raises(NoAnswer, match="no answer to READ_REGISTER"):
        link.read_register(0x40)
    assert serial.frames == 2 * ATTEMPTS and link.rate == BAUD


def test_an_answer_to_a_change_of_rate_that_gets_lost_ends_nothing():
    def lose(number):
        if number == 2 + ATTEMPTS:
            model.divisor = 217  # falls back: nobody talked at the new rate
        return "answer" if number == 2 else ""

    model = _model()
    link = _link(ModelSerial(model, lose))
    assert link.speed_up((500_000, 250_000)) == 250_000
    assert link.read_register(0x40) == 0


def test_another_version_of_the_protocol():
    with pytest.raises(LinkError, match="the image speaks version 9"):
        _link(ModelSerial(_model(version=9)))


def test_speed_up_takes_what_works():
    link = _link(ModelSerial(_model(), deaf=(1_000_000,)))
    # 3 Mbaud is no divisor of the clock, at 1 Mbaud the adapter fails.
    assert link.speed_up((3_000_000, 1_000_000, 500_000, 250_000)) == 500_000
    link.write_register(0x40, 7)
    assert link.read_register(0x40) == 7


def test_a_line_that_breaks_off():
    serial = ModelSerial(_model())
    link = _link(serial)

    def write(data):
        raise OSError("device disconnected")

    serial.write = write
    with pytest.raises(LinkError, match="the serial line broke off"):
        link.read_register(0)


@pytest.mark.parametrize(("register", "why"), [("ID", "no weft accelerator"), ("VERSION", "another version"),
                                               ("CONFIG_HASH", "another configuration than tiny4")])
def test_wrong_bitstreams_are_told_apart(register, why):
    config, model = Config.load(ROOT / "configs/tiny4.toml"), _model()
    right = {"ID": csr.IDENTITY, "VERSION": csr.BY_NAME["VERSION"].reset, "CONFIG_HASH": config.hash}
    for name, value in right.items():
        model.registers[csr.BY_NAME[name].offset] = value
    link = _link(ModelSerial(model))
    check_bitstream(link, config)
    model.registers[csr.BY_NAME[register].offset] ^= 0x100
    with pytest.raises(LinkError, match=f"wrong bitstream: {register}(?s:.*){why}"):
        check_bitstream(link, config)


def _weft(*arguments):
    return CliRunner().invoke(cli.app, [*arguments], catch_exceptions=True)


def test_run_without_a_port(tmp_path):
    result = _weft("run", str(ROOT / "examples/digits/digits.onnx"), str(ROOT / "examples/digits/digits.npz"), "--config",
                   str(ROOT / "configs/tiny4.toml"), "--device", "/dev/no-such-port", "--out", str(tmp_path / "out"))
    assert isinstance(result.exception, LinkError) and "cannot open the serial port /dev/no-such-port" in str(result.exception)
    assert result.exception.exit_code == 2 and not (tmp_path / "out").exists()
