"""The C driver: strict compilers take it, it agrees with Python on where tensors lie, and its self-test can fail.

The self-test and the digits firmware themselves run in test_examples.py.
"""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from weft.gen.compiler import compile_network
from weft.gen.config import Config
from weft.gen.export import render
from weft.gen.export.folder import DRIVER
from weft.gen.export.network import c_header, identifier
from weft.sim import build
from weft.verif.random_networks import RandomNetwork
from weft.verif.tests.test_house import ROOT

SOURCES = ROOT / "gen" / "export" / "driver"
EXAMPLE = ROOT / "examples" / "driver"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow")
SHIM = """
#include "net.h"
void pack(const int8_t *elements, uint8_t *window) { weft_pack(&net.input, elements, window); }
void unpack(const uint8_t *window, int8_t *elements) { weft_unpack(&net.outputs[0], window, elements); }
const uint8_t *image(void) { return net.image; }
uint32_t fact(unsigned index)
{
    const uint32_t facts[] = {net.config_hash, net.instructions, net.output_count, (uint32_t)sizeof net_image,
                              net.window_bytes[0], net.window_bytes[1], net.window_bytes[2], net.window_bytes[3],
                              net.permission[0], net.permission[1], net.permission[2], net.permission[3]};
    return facts[index];
}
"""
pytestmark = pytest.mark.skipif(not (shutil.which("gcc") and shutil.which("nm")), reason="no gcc")


def write(place: Path, config: Config) -> None:
    """weft.h and the driver."""
    (place / "weft.h").write_text(render.header(config))
    for name in DRIVER:
        shutil.copy(SOURCES / name, place)


def gcc(place: Path, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["gcc", *arguments], cwd=place, check=check, capture_output=True, text=True)


def test_driver_is_short() -> None:
    assert sum(len((SOURCES / name).read_text().splitlines()) for name in DRIVER) < 400


@pytest.mark.parametrize("name", ["tiny4", "edge16", "edge32"])
@pytest.mark.parametrize("optimise", ["-O0", "-Os", "-O3"])
def test_strict_freestanding_and_alone(name, optimise, tmp_path) -> None:
    """Also where `int` and pointers have 32 bits, as far as the headers at hand allow, and in C++."""
    write(tmp_path, Config.load(ROOT / "configs" / f"{name}.toml"))
    gcc(tmp_path, *STRICT, "-ffreestanding", "-fno-builtin", optimise, "-c", "weft_driver.c")
    undefined = subprocess.run(["nm", "-u", "weft_driver.o"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert undefined.split() in ([], ["U", "_GLOBAL_OFFSET_TABLE_"])
    gcc(tmp_path, *STRICT, "-ffreestanding", optimise, "-m32", "-S", "weft_driver.c")
    gcc(tmp_path, "-x", "c++", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "weft_driver.h")


@pytest.mark.parametrize("name", ["tiny4", "edge16"])
@pytest.mark.parametrize("seed", range(4))
def test_network_header_agrees_with_the_compiler(name, seed, tmp_path) -> None:
    """Image and sizes byte for byte; pack and unpack as `CompiledNetwork` does it."""
    config, chance = Config.load(ROOT / "configs" / f"{name}.toml"), RandomNetwork(seed)
    network = compile_network(chance.graph, config)
    write(tmp_path, config)
    (tmp_path / "net.h").write_text(c_header(network, "net"))
    (tmp_path / "shim.c").write_text(SHIM)
    gcc(tmp_path, *STRICT, "-shared", "-fPIC", "shim.c", "weft_driver.c", "-o", "shim.so")
    shim = ctypes.CDLL(str(tmp_path / "shim.so"))
    shim.image.restype, shim.fact.restype = ctypes.POINTER(ctypes.c_uint8), ctypes.c_uint32
    assert [shim.fact(index) for index in range(12)] == [
        config.hash, len(network.program), 1, len(network.image), *network.window_bytes, 1, 1, 2, 3]
    assert bytes(shim.image()[:len(network.image)]) == network.image
    assert ctypes.addressof(shim.image().contents) % config.line_bytes == 0
    held = chance.sample()
    window = (ctypes.c_uint8 * network.window_bytes[1])()
    shim.pack(np.ascontiguousarray(held).ctypes.data_as(ctypes.c_void_p), window)
    assert bytes(window) == network.pack_input(held)
    outputs = np.random.default_rng(seed).integers(0, 256, network.window_bytes[2], dtype=np.uint8)
    expected, = network.unpack_outputs(outputs.tobytes())
    elements = np.zeros(expected.size, np.int8)
    shim.unpack(outputs.ctypes.data_as(ctypes.c_void_p), elements.ctypes.data_as(ctypes.c_void_p))
    np.testing.assert_array_equal(elements, expected.reshape(-1))


def test_a_network_for_another_configuration_does_not_compile(tmp_path) -> None:
    tiny, edge = (Config.load(ROOT / "configs" / f"{name}.toml") for name in ("tiny4", "edge8"))
    write(tmp_path, edge)
    (tmp_path / "net.c").write_text(c_header(compile_network(RandomNetwork(1).graph, tiny), "net"))
    done = gcc(tmp_path, *STRICT, "-c", "net.c", check=False)
    assert done.returncode and "compiled for another configuration" in done.stderr


@pytest.mark.parametrize(("text", "name"), [("digits", "digits"), ("my-net 2", "my_net_2"), ("8bit", "net_8bit"), ("int", "net_int"),
                                            ("", "network"), ("été", "net__t_"), ("_x", "net__x")])
def test_identifiers(text, name) -> None:
    assert identifier(text) == name


MUTATIONS = {  # fault -> (right, wrong)
    "window stride": ("WEFT_REG_WINDOW1_BASE - WEFT_REG_WINDOW0_BASE", "4u"),
    "stale interrupts": ("TRY(put(npu, WEFT_REG_INTR_STATE, WEFT_ON_DONE | WEFT_ON_ERROR));", ""),
    "no check of the state": ("return status & WEFT_REG_STATUS_BUSY_MASK ? WEFT_RUNNING : WEFT_OK;", "return WEFT_OK;"),
    "error counts as done": ("if (status & WEFT_REG_STATUS_ERROR_MASK)\n        return WEFT_STOPPED;\n    if", "if"),
    "queue is not read": ("WEFT_REG_ERROR_QUEUE_MASK, WEFT_REG_ERROR_QUEUE_SHIFT", "WEFT_REG_ERROR_CAUSE_MASK, 0"),
    "reset does not wait": ("if (!status)\n            return WEFT_OK;", "return WEFT_OK;"),
}


@pytest.mark.integration
@pytest.mark.parametrize("fault", sorted(MUTATIONS))
def test_the_self_test_notices_a_driver_that_is_wrong(fault, tmp_path) -> None:
    config = Config.load(ROOT / "configs" / "tiny4.toml")
    write(tmp_path, config)
    right, wrong = MUTATIONS[fault]
    text = (tmp_path / "weft_driver.c").read_text()
    assert text.count(right) == 1
    (tmp_path / "weft_driver.c").write_text(text.replace(right, wrong))
    library = build.build(build.verilog_text(config), config.line_bytes)
    gcc(tmp_path, "-I", ".", str(EXAMPLE / "selftest.c"), str(EXAMPLE / "platform_verilated.c"), "weft_driver.c", str(library),
        f"-Wl,-rpath,{library.parent}", "-o", "selftest")
    done = subprocess.run([tmp_path / "selftest"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "not so" in done.stdout
