"""What the command line says when something is wrong: the message's parts, the exit code, and that nothing is written."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from weft.gen.cli import main
from weft.gen.frontend import load
from weft.sim.inputs import load_samples

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples" / "digits" / "digits.onnx"
CONFIG = ROOT / "configs" / "tiny4.toml"
MXFP4 = str(ROOT / "configs" / "mxfp4.toml")
GOOD = np.zeros((2, 1, 8, 8), np.uint8)

FILES: dict[str, bytes] = {
    "notes.txt": b"hello",
    "broken.toml": b"[array\nrows = 8",
    "section.toml": b"[aray]\nrows = 8\n",
    "key.toml": b"[array]\nrow = 8\n",
    "value.toml": b"[array]\nrows = 12\ncolumns = 12\n[axi]\ndata_bits = 96\n",
    "type.toml": b'[array]\nrows = "eight"\n',
    "float.toml": b"[array]\nrows = 8.0\n",
    "string.toml": b'[scratchpad]\nkib = "100"\n',
    "infinite.toml": b"[array]\nrows = inf\n",
    "bits.toml": b"[accumulator]\nbits = 30.5\n",
    "truth.toml": b"[vector]\nfloat32 = 1\n",
    "lane.toml": b"[vector]\ncolumns_per_lane = 3\n",
    "lanes.toml": b"[array]\nrows = 4\ncolumns = 4\n[axi]\ndata_bits = 32\n[vector]\ncolumns_per_lane = 8\n",
    "plain.toml": b"[vector]\nfloat32 = false\n",
    "shape.toml": b"[array]\nrows = 8\ncolumns = 16\n[axi]\ndata_bits = 64\n",
    "flow.toml": b'[array]\ndataflow = "weight_stationry"\n',
    "empty.onnx": b"",
    "noise.onnx": bytes(range(256)) * 4,
    "model.pb": b"x" * 100,
    "cut.npz": b"PK\x03\x04" + b"\0" * 40,
    "noise.npy": b"not numpy at all",
    "bad.json/report.json": b"{",
    "foreign.json/report.json": b'{"a": 1}',
}


def saved(array: np.ndarray, **names: np.ndarray) -> bytes:
    """Bytes of a .npy file, or with names of a .npz file."""
    stream = io.BytesIO()
    if names:
        np.savez(stream, **names)
    else:
        np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def byte_network() -> bytes:
    """A network that takes uint8: one convolution by one pixel, input scale 0.5 and zero point 3."""
    constants = [numpy_helper.from_array(np.array(value, kind), name) for name, value, kind in (
        ("scale", 0.5, np.float32), ("zero", 3, np.uint8), ("weights", [[[[2]]]], np.int8), ("none", 0, np.int8))]
    node = helper.make_node("QLinearConv", ["image", "scale", "zero", "weights", "scale", "none", "scale", "zero"], ["result"])
    ends = [helper.make_tensor_value_info(name, TensorProto.UINT8, [1, 1, 8, 8]) for name in ("image", "result")]
    graph = helper.make_graph([node], "bytes", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


FILES |= {
    "bytes.onnx": byte_network(),
    "good.npz": saved(GOOD, x=GOOD),
    "other.npz": saved(GOOD, images=GOOD),
    "shape.npy": saved(np.zeros((2, 1, 9, 9), np.uint8)),
    "float.npy": saved(np.zeros((2, 1, 8, 8), np.float32)),
    "large.npy": saved(np.full((2, 1, 8, 8), 300)),
    "none.npy": saved(np.zeros((0, 1, 8, 8), np.uint8)),
    "scalar.npy": saved(np.array(3)),
    "object.npy": saved(np.array([{"a": 1}], dtype=object)),
    "huge.npy": saved(np.full((2, 1, 8, 8), 1e300)),
    "nan.npy": saved(np.full((2, 1, 8, 8), np.nan, np.float32)),
    "text.npy": saved(np.full((2, 1, 8, 8), "a")),
}


def sim(*, model: str = str(MODEL), inputs: str = "good.npz", config: str = str(CONFIG), more: tuple[str, ...] = ()) -> list[str]:
    return ["sim", model, inputs, "--config", config, *more]


# name: arguments, exit code, and what the message must say
CASES: dict[str, tuple[list[str], int, tuple[str, ...]]] = {
    # configurations
    "no configuration": (["check", "absent.toml"], 2, ("no configuration absent.toml", "does not exist", "configs/*.toml")),
    "configuration is not TOML": (["check", "broken.toml"], 2, ("broken.toml is not TOML", "line 1", "edge16.toml")),
    "configuration is a folder": (["check", "."], 2, ("cannot read configuration", "directory", "readable TOML file")),
    "unknown section": (["check", "section.toml"], 2, ("unknown section [aray]", "section.toml", "did you mean 'array'?")),
    "unknown key": (["check", "key.toml"], 2, ("unknown key array.row", "key.toml", "did you mean 'rows'?")),
    "illegal value": (["check", "value.toml"], 2, ("array.rows = 12", "value.toml", "power of two", "use 8")),
    "wrong type": (["check", "type.toml"], 2, ("array.rows = 'eight'", "type int", "use 16")),
    "fraction for an integer": (["check", "float.toml"], 2, ("array.rows = 8.0", "type int", "use 8")),
    "columns that cannot share": (["check", "lane.toml"], 2, ("vector.columns_per_lane = 3", "one of 1, 2, 4, 8", "use 2")),
    "more than there are": (["check", "lanes.toml"], 2, ("vector.columns_per_lane = 8", "the array has 4 columns", "use 4")),
    "text for an integer": (["check", "string.toml"], 2, ("scratchpad.kib = '100'", "type int", "use 128")),
    "infinity for an integer": (["check", "infinite.toml"], 2, ("array.rows = inf", "type int", "use 16")),
    "fraction for a choice": (["check", "bits.toml"], 2, ("accumulator.bits = 30.5", "type int", "use 32")),
    "number for a truth": (["check", "truth.toml"], 2, ("vector.float32 = 1", "truth.toml", "type bool", "use true")),
    "values that contradict": (["check", "shape.toml"], 2, ("array.columns = 16", "must equal array.rows", "use 8")),
    "misspelt choice": (["verilog", "flow.toml"], 2, ("array.dataflow", "weight_stationry", "did you mean 'weight_stationary'?")),
    "configuration of a simulation": (sim(config="key.toml"), 2, ("unknown key array.row", "key.toml")),
    "hardware without the rounding": (["compile", str(MODEL), "-c", "plain.toml"], 2,
                                      ("round in FLOAT32", "conv1_quant", "configuration plain", "set vector.float32 = true")),
    # networks
    "no network": (sim(model="absent.onnx"), 2, ("no network absent.onnx", "does not exist", "check the path")),
    "network is a folder": (sim(model="."), 2, ("no network .", "it is a folder")),
    "network is empty": (sim(model="empty.onnx"), 2, ("empty.onnx", "is empty")),
    "network is noise": (sim(model="noise.onnx"), 2, ("noise.onnx",)),
    "network of another kind": (["compile", "model.pb", "-c", str(CONFIG)], 2, ("neither .tflite nor .onnx", ".tflite or .onnx file")),
    "unknown rounding": (["compile", str(MODEL), "-c", str(CONFIG), "--rounding", "tfml"], 2,
                         ("rounding = 'tfml'", "did you mean 'tflm'?")),
    # samples
    "no input file": (sim(inputs="absent.npz"), 2, ("no input file absent.npz", "does not exist")),
    "input of another kind": (sim(inputs="notes.txt"), 2, ("neither .npy nor .npz", "numpy.savez")),
    "damaged archive": (sim(inputs="cut.npz"), 2, ("cut.npz", "damaged", "save it again")),
    "damaged array": (sim(inputs="noise.npy"), 2, ("noise.npy", "damaged", "save it again")),
    "array of objects": (sim(inputs="object.npy"), 2, ("object.npy", "not a numpy file of numbers", "Object arrays")),
    "missing array": (sim(inputs="other.npz"), 2, ("no array 'x'", "other.npz", "it holds 'images'", "x=samples")),
    "wrong shape": (sim(inputs="shape.npy"), 2, ("samples of shape [1, 9, 9]", "shape.npy", "[1, 8, 8]", "[samples, 1, 8, 8]")),
    "fractions for integers": (sim(model="bytes.onnx", inputs="float.npy"), 2,
                               ("samples of type float32", "float.npy", "takes uint8", "quantise: round(x / 0.5) + 3, as uint8")),
    "text for numbers": (sim(inputs="text.npy"), 2, ("samples of type <U1", "text.npy", "takes float32")),
    "not a number": (sim(inputs="nan.npy"), 2, ("not finite", "nan.npy", "NaN or infinity", "nan_to_num")),
    "too large for float32": (sim(inputs="huge.npy"), 2, ("not finite", "huge.npy", "nan_to_num")),
    "values out of range": (sim(model="bytes.onnx", inputs="large.npy"), 2,
                            ("values 300 .. 300", "large.npy", "0 .. 255", "convert them to uint8")),
    "no samples": (sim(inputs="none.npy"), 2, ("no samples", "none.npy", "[0, 1, 8, 8]", "[samples, 1, 8, 8]")),
    "a number for samples": (sim(inputs="scalar.npy"), 2, ("no samples", "scalar.npy", "[samples, 1, 8, 8]")),
    # arguments
    "unknown verb": (["simulate"], 2, ("No such command 'simulate'", "where: weft", "weft --help")),
    "unknown option": (sim(more=("--speed", "9")), 2, ("No such option: --speed", "where: weft sim", "weft sim --help")),
    "missing argument": (["sim", str(MODEL)], 2, ("Missing argument 'INPUT'", "weft sim --help")),
    "missing option": (["sim", str(MODEL), "good.npz"], 2, ("Missing option '--config'", "weft sim --help")),
    "samples that are no number": (sim(more=("--samples", "all")), 2, ("Invalid value for '--samples'", "weft sim --help")),
    "no samples wanted": (sim(more=("--samples", "0")), 2, ("Invalid value for '--samples'", "weft sim --help")),
    "negative latency": (sim(more=("--dram-latency", "-1")), 2, ("Invalid value for '--dram-latency'", "weft sim --help")),
    "waves of nothing": (sim(more=("--waves", "conv9")), 2, ("--waves conv9", "1000:2000", "conv")),
    "waves backwards": (sim(more=("--waves", "20:10")), 2, ("--waves 20:10", "ends before it begins", "use 10:20")),
    "unknown topic": (["explain", "arry.rows"], 2, ("unknown topic 'arry.rows'", "did you mean 'array.rows'?")),
    # number formats and products
    "unknown format": (["formats", "--only", "e4m4"], 2, ("unknown format 'e4m4'", "where: --only", "did you mean 'e4m3'?")),
    "unknown format of a product": (["formats", "--products", "--only", "mxfp3"], 2, ("unknown format 'mxfp3'", "did you mean 'mxfp4'?")),
    "element by the name of its operand": (["formats", "--area", "--only", "mxfp4"], 2,
                                           ("--area does not measure 'mxfp4'", "its elements are e2m1", "use --only e2m1")),
    "one format of nothing": (["formats", "--only", "mxfp4"], 2,
                              ("--only without --area or --products", "add --products, or add --area and say --only e2m1")),
    "plot of nothing": (["formats", "--plot", "plot.svg"], 2, ("--plot without --area or --data", "add --data, or --area")),
    "plot of sums": (["formats", "--sums", "--plot", "new/plot.svg"], 2, ("--plot without --area or --data", "add --data, or --area")),
    "plot is a folder": (["formats", "--data", "--plot", "."], 2, ("cannot write .", "where: --plot", "is a folder", "name of a file")),
    "plot below a file": (["formats", "--data", "--plot", "notes.txt/p.svg"], 2, ("notes.txt is a file", "where: --plot")),
    "no cell library": (["formats", "--liberty", "none.lib"], 2, ("no cell library none.lib", "where: --liberty", "does not exist")),
    "cell library is something else": (["formats", "--area", "--liberty", "notes.txt"], 2,
                                       ("notes.txt is no cell library", "where: --liberty", "library (")),
    "plot of another kind": (["formats", "--data", "--plot", "p.png"], 2, ("no plot as p.png", "where: --plot", "ends in .svg")),
    "cell library is a folder": (["formats", "--liberty", "."], 2, ("no cell library .", "where: --liberty", "it is a folder")),
    "product of too many terms": (["gemm", "1", "1000000000", "1", "-c", MXFP4], 2, ("k = 1000000000", "terms", "use 8192 or less")),
    "product of too many rows": (["gemm", "1000000000", "64", "1", "-c", MXFP4], 2,
                                 ("activations of 1000000000 x 64", "16,777,216 elements", "use m = 262144 or less")),
    "product of too many columns": (["gemm", "1", "8", "9" * 30, "-c", str(CONFIG)], 2,
                                    ("weights of 999", "999 x 8", "use n = 524288 or less")),
    "result that is too large": (["gemm", "100000", "1", "2000", "-c", str(CONFIG)], 2,
                                 ("a result of 100000 x 2000", "use m = 8322 or less")),
    "product of rows that are too long": (["gemm", "1000", "20000", "8", "-c", str(CONFIG)], 2,
                                          ("activations of 1000 x 20000", "use k = 16768 or less")),
    "product without a row": (["gemm", "0", "8", "8", "-c", str(CONFIG)], 2, ("Invalid value for 'M'", "weft gemm --help")),
    # outputs
    "output is a file": (sim(more=("--out", "notes.txt")), 2, ("cannot write to notes.txt", "--out", "is a file")),
    "output below a file": (["verilog", str(CONFIG), "--out", "notes.txt/v"], 2, ("cannot write to notes.txt/v", "notes.txt is a file")),
    "output cannot be written": (sim(more=("--out", "/proc/weft")), 2, ("cannot write to /proc/weft", "--out", "/proc:", "give a folder")),
    "listing is a folder": (["compile", str(MODEL), "-c", str(CONFIG), "--listing", "."], 2,
                            ("cannot write .", "--listing", "is a folder")),
    "listing below a file": (["compile", str(MODEL), "-c", str(CONFIG), "--listing", "notes.txt/a"], 2,
                             ("notes.txt is a file", "--listing")),
    "no report": (["report", "absent"], 2, ("no report in absent", "No such file", "weft sim")),
    "damaged report": (["report", "bad.json"], 2, ("report.json is damaged", "run `weft sim` again")),
    "foreign report": (["report", "foreign.json"], 2, ("is not a report of weft",)),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with all the bad files."""
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")
    return tmp_path


def tree(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


@pytest.mark.parametrize("name", CASES)
def test_error(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, code, parts = CASES[name]
    before = tree(place)
    assert run(arguments) == code
    out, err = capsys.readouterr()
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert out == ""
    for part in parts:
        assert part in err, f"{part!r} is not in:\n{err}"
    assert tree(place) == before


@pytest.mark.parametrize("name", ["unknown key", "missing array", "unknown option", "output is a file"])
def test_error_as_json(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, code, parts = CASES[name]
    assert run([*arguments, "--json"]) == code
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert err == ""
    assert said["exit_code"] == code
    assert said["error"]
    assert all(any(part in str(value) for value in said.values()) for part in parts if not part.startswith("where:"))


def test_missing_compiler_is_told_before_any_work(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.delenv("CXX", raising=False)
    before = tree(place)
    assert run(sim()) == 3
    err = capsys.readouterr().err
    assert all(part in err for part in ("no C++ compiler", "where: PATH", "neither clang++, c++ nor g++ was found", "apt-get install g++"))
    assert tree(place) == before


def test_cache_that_cannot_be_written_is_told_before_any_work(place: Path, monkeypatch: pytest.MonkeyPatch,
                                                              capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WEFT_CACHE", str(place / "notes.txt"))
    before = tree(place)
    assert run(sim()) == 2
    err = capsys.readouterr().err
    assert all(part in err for part in ("cannot write to", "where: $WEFT_CACHE", "notes.txt is a file"))
    assert tree(place) == before


def test_unforeseen_file_errors_end_as_messages(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "x.json")

    monkeypatch.setattr("weft.gen.config.Config.load", full)
    assert run(["check", str(CONFIG)]) == 2
    err = capsys.readouterr().err
    assert all(part in err for part in ("error: cannot use x.json", "No space left", "make room"))


def test_an_array_is_read_whatever_its_file_is_called(place: Path) -> None:
    (place / "array.npz").write_bytes(saved(GOOD))
    (place / "archive.npy").write_bytes(saved(GOOD, x=GOOD))
    graph = load(MODEL)
    assert all(np.array_equal(load_samples(place / name, graph).reshape(GOOD.shape), GOOD) for name in ("array.npz", "archive.npy"))


def test_doctor_finds_the_missing_compiler(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.delenv("CXX", raising=False)
    assert run(["doctor"]) == 3
    assert "MISSING  C++ compiler" in capsys.readouterr().out


def test_doctor_finds_the_compiler_that_cannot_compile(place: Path, monkeypatch: pytest.MonkeyPatch,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    broken = place / "broken"
    broken.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'g++ 12' && exit 0\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    assert run(["doctor"]) == 3
    assert f"no simulation; {broken} fails" in capsys.readouterr().out


def test_same_messages_from_the_installed_program(place: Path) -> None:
    """The entry point in a process of its own: no traceback, nothing on standard output."""
    program = "from weft.gen.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program, "check", "key.toml"], capture_output=True, text=True, check=False,
                          env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[0] == "error: unknown key array.row"


def test_every_verb_has_help_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("doctor", "check", "verilog", "compile", "sim", "report", "formats", "gemm", "explain"):
        assert run([verb, "--help"]) == 0
        assert "--json" in capsys.readouterr().out


def test_sizes_of_a_product_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gemm", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert all(said.count(text) == 1 for text in ("Rows of the activations", "Products of a sum", "Columns of the weights"))


def test_heavy_packages_are_not_imported_for_light_verbs() -> None:
    program = ("import sys; from weft.gen.cli import main\ntry: main(['explain', 'array.rows'])\nexcept SystemExit: pass\n"
               "print(sorted({'numpy', 'amaranth', 'onnx', 'jinja2', 'rich'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
