"""A fingerprint changes with each thing that cycles follow from, and with nothing else."""

import dataclasses

from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.frontend import load
from weft.sim.fingerprint import compiled, fingerprint
from weft.verif.tests.test_house import ROOT

MODEL, INPUTS = ROOT / "examples/digits/digits.onnx", ROOT / "examples/digits/digits.npz"
CONFIG = Config.load(ROOT / "configs" / "tiny4.toml")


def test_it_changes_with_each_thing_that_cycles_follow_from() -> None:
    network = compile_network(load(MODEL), CONFIG)
    packed = bytes(network.window_bytes[1])
    deeper = dataclasses.replace(CONFIG, queues=dataclasses.replace(CONFIG.queues, depth=2 * CONFIG.queues.depth))
    assert deeper.hash != CONFIG.hash
    program, (first, *sizes) = list(network.program), network.window_bytes
    program[-1] ^= 1 << 127
    given = [fingerprint(network, packed), fingerprint(network, packed[:-1] + b"\1")] + [
        fingerprint(dataclasses.replace(network, **changed), packed) for changed in (
            {"config": deeper}, {"program": program}, {"constants": network.constants[:-1] + bytes([network.constants[-1] ^ 1])},
            {"window_bytes": (first + 64, *sizes)})]
    assert len(set(given)) == len(given)


def test_compiled_twice_it_is_the_same() -> None:
    (network, once), (_, again) = (compiled(CONFIG, MODEL, INPUTS) for _ in range(2))
    renamed = dataclasses.replace(network, config=dataclasses.replace(CONFIG, name="other"))
    assert once == again and fingerprint(renamed, b"") == fingerprint(network, b"")
